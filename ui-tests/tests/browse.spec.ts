/**
 * Looking around in a service from the form "From…", by keys alone.
 */

import * as path from 'path';
import { violations } from '../support/axe';
import { expected, harvest, noise, plant } from '../support/files';
import { expect, test } from '../support/fixtures';
import { openFrom } from '../support/from';
import { KEYS } from '../support/service';

const PICTURES = path.join(__dirname, '../screenshots');

test('a folder of a bucket is found by keys, and fetched', async ({
  page,
  panel,
  s3,
  shown
}) => {
  const tree = { 'a.csv': noise(70_000), 'b c.csv': noise(3_000) };
  plant(path.join(s3.folder, 'archive/data 2026'), tree);
  plant(path.join(s3.folder, 'archive'), { 'readme.txt': 'x' });
  plant(path.join(s3.folder, 'models'), { 'x.bin': 'x' });
  await openFrom(panel);
  const dialog = page.getByRole('dialog');
  const address = dialog.getByLabel('Address', { exact: true });
  await address.fill('s3://');
  const browse = dialog.getByRole('button', { name: 'Browse… Address' });
  const list = dialog.getByRole('listbox');
  const current = list.locator('[aria-selected=true]');

  await dialog.getByText('Options for').click();
  await dialog.getByLabel('Endpoint').fill(s3.url);
  await dialog.getByLabel('Access key ID').fill(KEYS.id);
  await dialog.getByLabel('Secret access key').fill('wrong');
  // What is wrong can be mended while the list is open.
  await browse.press('Enter');
  await expect(list).toBeFocused();
  await expect(dialog.getByRole('alert')).toBeVisible();
  await page.screenshot({ path: path.join(PICTURES, 'browse-error.png') });
  expect(await violations(page, '.jp-Dialog')).toEqual([]);
  await dialog.getByLabel('Secret access key').fill(KEYS.secret);
  await dialog.getByRole('button', { name: 'Try Again' }).press('Enter');
  await expect(current).toHaveText('archive/');
  expect(await violations(page, '.jp-Dialog')).toEqual([]);

  await page.keyboard.press('ArrowDown');
  await expect(current).toHaveText('models/');
  await page.keyboard.press('Enter');
  await expect(current).toContainText('x.bin');
  await page.keyboard.press('Backspace');
  await expect(current).toHaveText('models/');
  await page.keyboard.press('Home');
  await page.keyboard.press('Enter');
  await expect(list.getByRole('option')).toHaveText([
    'data 2026/',
    /^readme\.txt1 byte/
  ]);
  await page.screenshot({ path: path.join(PICTURES, 'browse.png') });
  await page.theme.setDarkTheme();
  await page.screenshot({ path: path.join(PICTURES, 'browse-dark.png') });
  expect(await violations(page, '.jp-Dialog')).toEqual([]);

  // Escape takes the list away, and nothing else.
  await list.press('Escape');
  await expect(list).toBeHidden();
  await expect(browse).toBeFocused();
  await address.fill('s3://archive/data 2026');
  await browse.press('Enter');
  await expect(list.getByRole('option')).toHaveCount(2);
  await dialog.getByRole('button', { name: 'Use This Folder' }).press('Enter');
  await expect(address).toHaveValue('s3://archive/data 2026/');
  await expect(dialog.getByRole('status')).toContainText('2 files');
  await dialog.getByRole('button', { name: 'Start' }).click();
  await panel.reaches('data 2026', 'done');
  await expect.poll(() => harvest(shown)).toEqual(expected(tree));
});
