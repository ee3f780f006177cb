/**
 * A page from plain HTTP and, as it seems to the browser, from another computer:
 * there it has no digests, no file handles and no locks.
 */

import * as fs from 'fs';
import * as path from 'path';
import { Throttle } from '../support/devtools';
import type { Tree } from '../support/files';
import { expected, harvest, MiB, noise, plant } from '../support/files';
import { expect, test as baseTest } from '../support/fixtures';

/** Files that travel as a pack. */
const SMALL = 50;

const test = baseTest.extend<{ baseURL: string }>({
  // Leads to this computer, and is none of the addresses that browsers trust.
  baseURL: async ({ server }, use) =>
    use(server.url.replace('127.0.0.1', '0.0.0.0')),

  context: async ({ context, baseURL, server }, use) => {
    await context.request.get(`${baseURL}/lab?token=${server.token}`);
    await use(context);
  }
});

test('each piece has a checksum all the same', async ({
  page,
  panel,
  desk,
  shown
}) => {
  const tree: Tree = { 'large.bin': noise(6 * MiB) };
  for (let n = 0; n < SMALL; n++) {
    tree[`${n}.txt`] = noise(1000 + n);
  }
  plant(desk, tree);
  await panel.open();
  expect(await page.evaluate(() => window.isSecureContext)).toBe(false);
  const checksums: Array<string | undefined> = [];
  page.on('request', request => {
    if (request.method() === 'PATCH') {
      checksums.push(request.headers()['upload-checksum']);
    }
  });
  // Much slower than this machine hashes, busy as it may be.
  await new Throttle(page).set(MiB);
  // Chromium crashes when its protocol drops files on such a page.
  const chooser = page.waitForEvent('filechooser');
  await panel.button('Upload files').click();
  const files = Object.keys(tree).map(name => path.join(desk, name));
  await (await chooser).setFiles(files);
  await panel.reaches(`large.bin + ${SMALL}`, 'done');
  expect(harvest(shown)).toEqual(expected(tree));
  expect(checksums.length).toBeGreaterThan(2);
  for (const checksum of checksums) {
    expect(checksum).toMatch(/^sha256 [\w+/]{43}=$/);
  }
});

test('the same file is known by its content all the same', async ({
  page,
  panel,
  desk,
  shown
}) => {
  const tree: Tree = {
    'same.bin': noise(2 * MiB),
    'other.bin': noise(2 * MiB)
  };
  plant(desk, tree);
  plant(shown, { ...tree, 'other.bin': noise(2 * MiB) });
  const before = new Date('2026-01-01T00:00:00Z');
  for (const name of Object.keys(tree)) {
    fs.utimesSync(path.join(shown, name), before, before);
  }
  await panel.open();
  const chooser = page.waitForEvent('filechooser');
  await panel.button('Upload files').click();
  const files = Object.keys(tree).map(name => path.join(desk, name));
  await (await chooser).setFiles(files);
  const dialog = page.getByRole('dialog');
  await expect(dialog).toContainText('Replace 2 files?');
  await dialog.getByRole('button', { name: 'Only if different' }).click();
  await panel.reaches('other.bin', 'done');
  expect(harvest(shown)).toEqual(expected(tree));
  const { mtime } = fs.statSync(path.join(shown, 'same.bin'));
  expect(mtime).toEqual(before);
});
