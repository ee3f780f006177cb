/**
 * A page that is loaded again in the middle of an upload.
 */

import * as path from 'path';
import { drop, Throttle } from '../support/devtools';
import { expected, harvest, MiB, noise, plant } from '../support/files';
import { expect, test } from '../support/fixtures';

test('an upload goes on when its file is dropped again', async ({
  page,
  panel,
  desk,
  shown
}) => {
  const tree = { 'long.bin': noise(24 * MiB) };
  plant(desk, tree);
  await panel.open();
  const throttle = new Throttle(page);
  await throttle.set(2 * MiB);
  await drop(page, panel.node, [path.join(desk, 'long.bin')]);
  await panel.passes('long.bin', 25);

  page.on('dialog', dialog => void dialog.accept());
  await page.reload();
  await panel.open();
  await panel.reaches('long.bin', 'asking');
  await expect(panel.row('long.bin')).toContainText('Needs the file again');
  const held = await panel.percent('long.bin');
  expect(held).toBeGreaterThanOrEqual(20);

  await drop(page, panel.node, [path.join(desk, 'long.bin')]);
  // The upload takes the place of what was left.
  const left = panel.node.locator('[data-transfer-key^="leftover:"]');
  await expect(left).toHaveCount(0);
  await panel.reaches('long.bin', 'done');
  expect(harvest(shown)).toEqual(expected(tree));
});

test('an upload goes on when its file is chosen again', async ({
  page,
  panel,
  desk,
  shown
}) => {
  const tree = { 'long.bin': noise(24 * MiB) };
  plant(desk, tree);
  await panel.open();
  const throttle = new Throttle(page);
  await throttle.set(2 * MiB);
  // A browser that keeps no handles.
  await page.evaluate(() => {
    (DataTransferItem.prototype as any).getAsFileSystemHandle = undefined;
  });
  await drop(page, panel.node, [path.join(desk, 'long.bin')]);
  await panel.passes('long.bin', 25);

  page.on('dialog', dialog => void dialog.accept());
  await page.reload();
  await panel.open();
  await panel.reaches('long.bin', 'asking');
  await expect(panel.row('long.bin')).toContainText('again to go on from');
  const chooser = page.waitForEvent('filechooser');
  await panel.button('Choose the file…: long.bin').click();
  await (await chooser).setFiles(path.join(desk, 'long.bin'));
  await panel.reaches('long.bin', 'done');
  expect(harvest(shown)).toEqual(expected(tree));
});
