/**
 * A page that is loaded again in the middle of an upload.
 */

import type { IJupyterLabPageFixture } from '@jupyterlab/galata';
import type { Locator } from '@playwright/test';
import * as fs from 'fs';
import * as path from 'path';
import { drop, Throttle } from '../support/devtools';
import type { Tree } from '../support/files';
import { expected, harvest, MiB, noise, plant } from '../support/files';
import { expect, test } from '../support/fixtures';
import type { TransfersPanel } from '../support/panel';

/** Rows of what an earlier page left. */
function leftovers(panel: TransfersPanel): Locator {
  return panel.node.locator('[data-transfer-key^="leftover:"]');
}

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
  await throttle.set(null);
  await panel.open();
  await panel.reaches('long.bin', 'asking');
  await expect(panel.row('long.bin')).toContainText('Needs the file again');
  const held = await panel.percent('long.bin');
  expect(held).toBeGreaterThanOrEqual(20);

  await drop(page, panel.node, [path.join(desk, 'long.bin')]);
  // The upload takes the place of what was left.
  await expect(leftovers(panel)).toHaveCount(0);
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
  await throttle.set(null);
  await panel.open();
  await panel.reaches('long.bin', 'asking');
  await expect(panel.row('long.bin')).toContainText('again to go on from');
  const chooser = page.waitForEvent('filechooser');
  await panel.button('Choose the file…: long.bin').click();
  await (await chooser).setFiles(path.join(desk, 'long.bin'));
  await panel.reaches('long.bin', 'done');
  expect(harvest(shown)).toEqual(expected(tree));
});

/** Many small files in a folder, a half of them in one below it. */
function photos(): Tree {
  const tree: Tree = {};
  for (let n = 0; n < 80; n++) {
    tree[`photos/${n % 2 ? 'more/' : ''}${n}.jpg`] = noise(200 * 1024);
  }
  return tree;
}

/** The files of `tree` that stand below `folder`. */
function arrived(tree: Tree, folder: string): string[] {
  return Object.keys(tree).filter(name =>
    fs.existsSync(path.join(folder, name))
  );
}

/** Drop the folder, load the page anew when a part of it has arrived. */
async function leaveHalf(
  page: IJupyterLabPageFixture,
  panel: TransfersPanel,
  desk: string,
  shown: string,
  tree: Tree
): Promise<void> {
  plant(desk, tree);
  await panel.open();
  const throttle = new Throttle(page);
  await throttle.set(2 * MiB);
  await drop(page, panel.node, [path.join(desk, 'photos')]);
  await expect
    .poll(() => arrived(tree, shown).length, { timeout: 60_000 })
    .toBeGreaterThan(30);
  page.on('dialog', dialog => void dialog.accept());
  await page.reload();
  await throttle.set(null);
  await panel.open();
  await panel.reaches('photos', 'asking');
}

test('a folder of small files goes on when it is dropped again', async ({
  page,
  panel,
  desk,
  shown
}) => {
  const tree = photos();
  await leaveHalf(page, panel, desk, shown, tree);
  await expect(panel.row('photos')).toContainText('Needs the folder again');
  const inode = (name: string) => fs.statSync(path.join(shown, name)).ino;
  const before = arrived(tree, shown).map(name => [name, inode(name)] as const);

  await drop(page, panel.node, [path.join(desk, 'photos')]);
  await expect(leftovers(panel)).toHaveCount(0);
  await panel.reaches('photos', 'done');
  expect(harvest(shown)).toEqual(expected(tree));
  // What was there was not sent again.
  expect(before.length).toBeGreaterThan(20);
  before.forEach(([name, ino]) => expect(inode(name)).toBe(ino));
});

test('a folder of small files goes on by one click', async ({
  page,
  panel,
  desk,
  shown
}) => {
  const tree = photos();
  await leaveHalf(page, panel, desk, shown, tree);
  await panel.button('Go on: photos').click();
  await expect(leftovers(panel)).toHaveCount(0);
  await panel.reaches('photos', 'done');
  expect(harvest(shown)).toEqual(expected(tree));
});

test('files that got another name are not sent a second time', async ({
  page,
  panel,
  desk,
  shown
}) => {
  const tree = photos();
  const old: Tree = {};
  const renamed: Tree = {};
  for (const [name, content] of Object.entries(tree)) {
    old[name] = 'old';
    renamed[name.replace('.jpg', ' (1).jpg')] = content;
  }
  plant(desk, tree);
  plant(shown, old);
  await panel.open();
  const throttle = new Throttle(page);
  await throttle.set(2 * MiB);
  const keepBoth = page.locator('.jp-Dialog').getByText('Keep both');
  await drop(page, panel.node, [path.join(desk, 'photos')]);
  await keepBoth.click();
  await expect
    .poll(() => arrived(renamed, shown).length, { timeout: 60_000 })
    .toBeGreaterThan(30);
  page.on('dialog', dialog => void dialog.accept());
  await page.reload();
  await throttle.set(null);
  await panel.open();
  await panel.reaches('photos', 'asking');

  await drop(page, panel.node, [path.join(desk, 'photos')]);
  await keepBoth.click();
  await expect(leftovers(panel)).toHaveCount(0);
  await panel.reaches('photos', 'done');
  expect(harvest(shown)).toEqual({ ...expected(old), ...expected(renamed) });
});
