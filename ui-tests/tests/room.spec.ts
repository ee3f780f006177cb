/**
 * What is settled before the first byte: room on the server, and what is there.
 */

import * as fs from 'fs';
import * as path from 'path';
import { drop } from '../support/devtools';
import { expected, harvest, MiB, noise, plant } from '../support/files';
import { expect, test } from '../support/fixtures';

test('a batch for which the disk has no room is refused before its first byte', async ({
  page,
  panel,
  desk,
  shown
}) => {
  plant(desk, { 'd/small.txt': 'small', 'd/huge.bin': '' });
  // As large as the disk is, and without a byte on it.
  const { blocks, bsize } = fs.statfsSync(shown);
  fs.truncateSync(path.join(desk, 'd/huge.bin'), blocks * bsize);
  const bodies: string[] = [];
  page.on('request', request => {
    if (request.method() !== 'GET' && request.url().includes('/tus/')) {
      bodies.push(request.url());
    }
  });
  await panel.open();
  await drop(page, panel.node, [path.join(desk, 'd')]);
  const dialog = page.getByRole('dialog');
  await expect(dialog).toContainText('Not enough room');
  await expect(dialog).toContainText(/This needs .+ has room for .+ only\./);
  await dialog.getByRole('button').click();
  await expect(dialog).toBeHidden();
  expect(await panel.rows.count()).toBe(0);
  expect(bodies).toEqual([]);
  expect(harvest(shown)).toEqual({});
});

test('only what differs is replaced', async ({ page, panel, desk, shown }) => {
  const same = noise(2 * MiB);
  plant(shown, {
    'd/same.bin': same,
    'd/dated.txt': 'a',
    'd/other.bin': 'old'
  });
  plant(desk, { 'd/same.bin': same, 'd/dated.txt': 'b', 'd/other.bin': 'new' });
  const before = new Date('2026-01-01T00:00:00Z');
  // The same by its content; the same by size and date; another.
  fs.utimesSync(path.join(shown, 'd/same.bin'), before, before);
  fs.utimesSync(path.join(shown, 'd/dated.txt'), before, before);
  fs.utimesSync(path.join(desk, 'd/dated.txt'), before, before);
  fs.utimesSync(path.join(desk, 'd/other.bin'), before, before);
  await panel.open();
  await drop(page, panel.node, [path.join(desk, 'd')]);
  const dialog = page.getByRole('dialog');
  await expect(dialog).toContainText('Replace 3 files?');
  await dialog.getByRole('button', { name: 'Only if different' }).click();
  await panel.reaches('d', 'done');
  expect(harvest(shown)).toEqual(
    expected({ 'd/same.bin': same, 'd/dated.txt': 'a', 'd/other.bin': 'new' })
  );
  const { mtime } = fs.statSync(path.join(shown, 'd/same.bin'));
  expect(mtime).toEqual(before);
});
