/**
 * From the server's disk to the person's computer, by the browser itself.
 */

import { execFileSync } from 'child_process';
import * as fs from 'fs';
import * as path from 'path';
import { expected, harvest, MiB, noise, plant } from '../support/files';
import { expect, test } from '../support/fixtures';

test('a selection is downloaded as one zip, byte for byte', async ({
  page,
  panel,
  desk,
  shown
}) => {
  const chosen = {
    'measures/2026-01.csv': 'a,b\n1,2\n',
    'measures/deep/model.bin': noise(3 * MiB + 1),
    'measures/empty.txt': '',
    'measures/nothing/': '',
    '数据 é.bin': noise(70 * 1024)
  };
  plant(shown, { ...chosen, 'not chosen.txt': 'x' });
  await page.filebrowser.refresh();
  const item = (name: string) =>
    page.locator(`.jp-DirListing-item`, { hasText: name });
  await item('measures').click();
  await item('数据').click({ modifiers: ['ControlOrMeta'] });
  await item('数据').click({ button: 'right' });
  const saved = page.waitForEvent('download');
  await page.getByRole('menuitem', { name: /Download as Archive/ }).click();
  const download = await saved;
  expect(download.suggestedFilename()).toMatch(/\.zip$/);
  const zip = path.join(desk, 'selection.zip');
  await download.saveAs(zip);

  const out = path.join(desk, 'out');
  fs.mkdirSync(out);
  execFileSync('unzip', ['-q', zip, '-d', out], {
    env: { ...process.env, LC_ALL: 'C.UTF-8' }
  });
  expect(harvest(out)).toEqual(expected(chosen));

  await panel.open();
  await panel.reaches('.zip', 'done');
  await expect(panel.rows.first()).toContainText('4 files');
});
