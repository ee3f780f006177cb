/**
 * The magics in notebooks of JupyterLab and Notebook 7: live rows in the outputs,
 * which are the panel's.
 */

import { galata } from '@jupyterlab/galata';
import * as fs from 'fs';
import * as path from 'path';
import { violations } from '../support/axe';
import { drop } from '../support/devtools';
import { MiB, noise, plant } from '../support/files';
import { expect, test } from '../support/fixtures';
import { openNotebook, plantNotebook, runAll } from '../support/notebooks';

const OUTPUT = '.jp-OutputArea-output';

const CELL = `${OUTPUT}.jp-TransfersCell`;

test('a cell shows the row of its job, which survives the page', async ({
  page,
  panel,
  source,
  shown,
  tmpPath
}, info) => {
  const data = noise(6 * MiB);
  const address = source.add('cell.bin', data);
  source.rate = MiB / 32;
  const line = `%transfer get ${address} --bg`;
  plantNotebook(shown, 'a.ipynb', line, '%transfers');
  await openNotebook(page, `${tmpPath}/a.ipynb`);
  await runAll(page);
  const cell = page.locator(CELL).first();
  // The list that %transfers shows is as alive as the row above it.
  const listed = page.locator(CELL).nth(1).locator('.jp-TransfersRow').first();
  const row = cell.locator('.jp-TransfersRow');
  await expect(row).toHaveAttribute('data-phase', 'copying');
  await expect(cell.getByRole('progressbar')).toBeVisible();
  await expect(listed).toHaveAttribute('data-phase', 'copying');
  await expect(page.locator(OUTPUT)).toHaveCount(2);
  await page.screenshot({ path: info.outputPath('running.png') });
  await listed.getByRole('button', { name: 'Pause cell.bin' }).click();
  await expect(row).toHaveAttribute('data-phase', 'paused');
  await expect(listed).toHaveAttribute('data-phase', 'paused');
  await page.notebook.save();
  // Galata waits for the launcher, unless it is told; the type is Playwright's.
  await page.reload({ waitForIsReady: false } as object);
  await expect(row).toHaveAttribute('data-phase', 'paused');
  source.rate = null;
  await cell.getByRole('button', { name: 'Resume cell.bin' }).click();
  await expect(row).toHaveAttribute('data-phase', 'done');
  await expect(listed).toHaveAttribute('data-phase', 'done');
  expect(await violations(page, CELL)).toEqual([]);
  expect(fs.readFileSync(path.join(shown, 'cell.bin'))).toEqual(data);
  await panel.open();
  await panel.reaches('cell.bin', 'done');
  await panel.button('Remove cell.bin from the list').click();
  await expect(cell).toContainText('Not on the list of this server');
  await expect(row).toHaveAttribute('data-phase', 'done');
  await expect(cell.getByRole('button')).toHaveCount(0);
  await page.theme.setDarkTheme();
  await page.screenshot({ path: info.outputPath('dark.png') });
});

test('a job of the kernel has buttons while the kernel holds it', async ({
  page,
  source,
  shown,
  tmpPath
}) => {
  const data = noise(2 * MiB);
  source.rate = MiB / 32;
  const address = source.add('own.bin', data);
  const name = path.join(shown, 'own.bin');
  plantNotebook(shown, 'c.ipynb', `%transfer get --local ${address} ${name}`);
  await openNotebook(page, `${tmpPath}/c.ipynb`);
  await runAll(page);
  const cell = page.locator(CELL);
  const row = cell.locator('.jp-TransfersRow');
  await expect(row).toHaveAttribute('data-phase', 'copying');
  // The cell waits for the job: the kernel answers on a subshell.
  await cell.getByRole('button', { name: 'Pause own.bin' }).click();
  await expect(row).toHaveAttribute('data-phase', 'paused');
  source.rate = null;
  await cell.getByRole('button', { name: 'Resume own.bin' }).click();
  await expect(row).toHaveAttribute('data-phase', 'done');
  await expect(cell.getByRole('button')).toHaveCount(0);
  expect(fs.readFileSync(name)).toEqual(data);
});

test.describe('in Chinese', () => {
  test.use({
    mockSettings: {
      ...galata.DEFAULT_SETTINGS,
      '@jupyterlab/translation-extension:plugin': { locale: 'zh_CN' }
    },
    // Galata looks for the word "Launcher".
    waitForApplication: async ({}, use) =>
      use(async page => {
        await page.locator('#jupyterlab-splash').waitFor({ state: 'detached' });
        await page.locator('.jp-Launcher').waitFor();
      })
  });

  test('files dropped on a cell arrive in its folder, and a link leads back', async ({
    page,
    desk,
    shown,
    tmpPath
  }, info) => {
    const data = noise(20_000);
    plant(desk, { 'photos/1.jpg': data, 'photos/2.jpg': noise(9) });
    plant(shown, { 'there.bin': data });
    plantNotebook(shown, 'b.ipynb', '%upload data', '%download there.bin');
    await openNotebook(page, `${tmpPath}/b.ipynb`);
    await runAll(page);
    const cell = page.locator(CELL);
    await expect(cell).toContainText('将文件和文件夹拖到此处');
    await drop(page, cell, [path.join(desk, 'photos')]);
    const row = cell.locator('.jp-TransfersRow');
    await expect(row).toHaveAttribute('data-phase', 'done');
    await expect(row).toContainText('完成');
    const there = path.join(shown, 'data/photos');
    expect(fs.readdirSync(there)).toEqual(['1.jpg', '2.jpg']);
    await page.screenshot({ path: info.outputPath('chinese.png') });
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.locator(`${OUTPUT} a[download]`).click()
    ]);
    expect(fs.readFileSync(await download.path())).toEqual(data);
  });
});

test('a cell of Notebook 7 shows the row, too', async ({
  context,
  server,
  source
}, info) => {
  source.rate = MiB / 32;
  const address = source.add('seven.bin', noise(4 * MiB));
  plantNotebook(server.root, 'seven.ipynb', `%transfer get ${address}`);
  const page = await context.newPage();
  await page.goto(`${server.url}/notebooks/seven.ipynb`);
  await runAll(page);
  const cell = page.locator(CELL);
  const row = cell.locator('.jp-TransfersRow');
  await expect(row).toHaveAttribute('data-phase', 'copying');
  await expect(cell.getByRole('progressbar')).toBeVisible();
  source.rate = null;
  await expect(row).toHaveAttribute('data-phase', 'done');
  await page.screenshot({ path: info.outputPath('notebook7.png') });
  expect(fs.statSync(path.join(server.root, 'seven.bin')).size).toBe(4 * MiB);
  await expect(page.locator(OUTPUT)).toHaveCount(1);
});
