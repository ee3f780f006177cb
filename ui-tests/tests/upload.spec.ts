/**
 * Files and folders that a person drops, and the Upload button.
 */

import * as path from 'path';
import { drop, Throttle } from '../support/devtools';
import { expected, harvest, MiB, noise, plant } from '../support/files';
import { expect, test } from '../support/fixtures';

const LISTING = '.jp-FileBrowser .jp-DirListing-content';

test('a file dropped on the file browser arrives as it is', async ({
  page,
  panel,
  desk,
  shown
}) => {
  const tree = { 'café 数据.bin': noise(5 * MiB + 3) };
  plant(desk, tree);
  await drop(page, page.locator(LISTING), [path.join(desk, 'café 数据.bin')]);
  await panel.open();
  await panel.reaches('café 数据.bin', 'done');
  expect(harvest(shown)).toEqual(expected(tree));
});

test('a folder dropped on the file browser arrives with all that is in it', async ({
  page,
  panel,
  desk,
  shown
}) => {
  const tree = {
    'data/a.csv': 'a,b\n1,2\n',
    'data/empty.txt': '',
    'data/deep/er/model.bin': noise(2 * MiB + 1),
    'data/deep/notes 1.md': '# notes\n',
    'data/nothing/': '',
    ...Object.fromEntries(
      Array.from({ length: 120 }, (_, n) => [`data/many/${n}.txt`, `${n}`])
    )
  };
  plant(desk, tree);
  await drop(page, page.locator(LISTING), [path.join(desk, 'data')]);
  await panel.open();
  await panel.reaches('data', 'done');
  await expect(panel.row('data')).toContainText('124 files');
  await expect.poll(() => harvest(shown)).toEqual(expected(tree));
});

test('a drop on a folder of the file browser goes into it', async ({
  page,
  panel,
  desk,
  shown
}) => {
  plant(shown, { 'inbox/': '' });
  plant(desk, { 'one.txt': 'one', 'two.txt': 'two' });
  await page.filebrowser.refresh();
  await drop(page, page.locator('.jp-DirListing-item[title*="inbox"]'), [
    path.join(desk, 'one.txt'),
    path.join(desk, 'two.txt')
  ]);
  await expect
    .poll(() => harvest(shown))
    .toEqual(expected({ 'inbox/one.txt': 'one', 'inbox/two.txt': 'two' }));
});

test('a slow upload is seen live, paused and resumed', async ({
  page,
  panel,
  desk,
  shown
}) => {
  const tree = { 'slow.bin': noise(24 * MiB) };
  plant(desk, tree);
  await panel.open();
  const throttle = new Throttle(page);
  await throttle.set(4 * MiB);
  await drop(page, panel.node, [path.join(desk, 'slow.bin')]);
  await panel.passes('slow.bin', 10);
  await expect(panel.row('slow.bin')).toContainText('Copying');
  expect(Object.keys(harvest(shown))).not.toContain('slow.bin');

  await panel.button('Pause slow.bin').click();
  await panel.reaches('slow.bin', 'paused');
  const held = await panel.percent('slow.bin');
  expect(held).toBeLessThan(100);

  await panel.button('Resume slow.bin').click();
  await throttle.set(null);
  await panel.reaches('slow.bin', 'done');
  await expect(panel.row('slow.bin')).toContainText('Done');
  expect(harvest(shown)).toEqual(expected(tree));
});

test('the Upload button of the file browser goes the same way', async ({
  page,
  panel,
  desk,
  shown
}) => {
  const tree = { 'chosen.bin': noise(MiB) };
  plant(desk, tree);
  const chooser = page.waitForEvent('filechooser');
  await page
    .locator('.jp-FileBrowser-toolbar [data-jp-item-name="uploader"]')
    .getByRole('button')
    .click();
  await (await chooser).setFiles(path.join(desk, 'chosen.bin'));
  await panel.open();
  await panel.reaches('chosen.bin', 'done');
  expect(harvest(shown)).toEqual(expected(tree));
});

test('a taken name is asked about once, and both are kept', async ({
  page,
  panel,
  desk,
  shown
}) => {
  plant(shown, { 'same.txt': 'old' });
  plant(desk, { 'same.txt': 'new' });
  await drop(page, page.locator(LISTING), [path.join(desk, 'same.txt')]);
  const dialog = page.getByRole('dialog');
  await expect(dialog).toContainText('same.txt');
  await dialog.getByRole('button', { name: /Keep both/ }).click();
  await panel.open();
  await panel.reaches('same', 'done');
  await expect(panel.row('same')).toContainText('kept as same (1).txt');
  await panel.button('Show same.txt in the file browser').click();
  await expect(
    page.locator('.jp-DirListing-item[data-isdir="false"].jp-mod-selected')
  ).toContainText('same (1).txt');
  expect(harvest(shown)).toEqual(
    expected({ 'same.txt': 'old', 'same (1).txt': 'new' })
  );
});

test('a large file travels in segments, and stands there as one', async ({
  page,
  panel,
  desk,
  shown
}) => {
  const tree = { 'large.bin': noise(100 * MiB + 7) };
  plant(desk, tree);
  const partial: string[] = [];
  page.on('request', request => {
    const concat = request.headers()['upload-concat'];
    if (concat) {
      partial.push(concat.split(';')[0]);
    }
  });
  await panel.open();
  const throttle = new Throttle(page);
  await throttle.set(24 * MiB);
  await drop(page, panel.node, [path.join(desk, 'large.bin')]);
  await panel.passes('large.bin', 10);
  await panel.button('Pause large.bin').click();
  await panel.reaches('large.bin', 'paused');
  expect(Object.keys(harvest(shown))).not.toContain('large.bin');

  await panel.button('Resume large.bin').click();
  await throttle.set(null);
  await panel.reaches('large.bin', 'done');
  expect(partial).toEqual(['partial', 'partial', 'partial', 'final']);
  expect(harvest(shown)).toEqual(expected(tree));
});
