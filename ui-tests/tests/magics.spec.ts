/**
 * The magics in a notebook of JupyterLab: a bar in the cell, and the job in the panel.
 */

import * as fs from 'fs';
import { MiB, noise } from '../support/files';
import { expect, test } from '../support/fixtures';

test('a cell fetches a file, with a bar, and links to it', async ({
  page,
  panel,
  source,
  shown
}, info) => {
  const data = noise(6 * MiB);
  const address = source.add('cell.bin', data);
  source.rate = MiB;
  await page.notebook.createNew();
  await page.notebook.setCell(0, 'code', '%load_ext jupyter_transfer');
  await page.notebook.addCell('code', `job = %transfer get ${address}`);
  await page.notebook.addCell('code', '%download cell.bin');
  await page.notebook.runCell(0);
  const running = page.notebook.runCell(1);
  const output = page.locator('.jp-OutputArea-output').first();
  await expect(output.locator('progress')).toBeVisible();
  await page.screenshot({ path: info.outputPath('running.png') });
  await running;
  await expect(output).toContainText('Done: 6.0 MiB of 6.0 MiB');
  await expect(output.locator('progress')).toHaveCount(0);
  await page.notebook.runCell(2);
  const link = page.locator('.jp-OutputArea-output a[download]');
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    link.click()
  ]);
  expect(fs.readFileSync(await download.path())).toEqual(data);
  await panel.open();
  await panel.reaches('cell.bin', 'done');
  await page.screenshot({ path: info.outputPath('done.png') });
  expect(fs.readdirSync(shown)).toContain('cell.bin');
});
