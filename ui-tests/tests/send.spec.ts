/**
 * From the server to a service: "Send to…" from the file browser, the plan before
 * it, the files after it.
 */

import type { Locator } from '@playwright/test';
import { execFileSync } from 'child_process';
import * as path from 'path';
import { violations } from '../support/axe';
import { expected, harvest, noise, plant } from '../support/files';
import { expect, test } from '../support/fixtures';
import type { TransfersPanel } from '../support/panel';
import { KEYS } from '../support/service';

const PICTURES = path.join(__dirname, '../screenshots');

/** Rows of the report of a huge job. */
const MANY = 100_000;

/** The dialog "Send to…" of something that the file browser shows. */
async function sendTo(panel: TransfersPanel, name: string): Promise<Locator> {
  const { page } = panel;
  await page.sidebar.openTab('filebrowser');
  await page.evaluate(() =>
    (window as any).jupyterapp.commands.execute('filebrowser:refresh')
  );
  await page
    .locator('.jp-DirListing-item', { hasText: name })
    .click({ button: 'right' });
  await page.getByRole('menuitem', { name: 'Send to Address…' }).click();
  return page.getByRole('dialog');
}

test('a folder is sent, with a look at the plan before and the files after', async ({
  page,
  panel,
  dav,
  shown
}) => {
  const tree = { 'a.csv': noise(70_000), 'deep/b c.csv': noise(3_000) };
  plant(path.join(shown, 'photos'), tree);
  plant(dav.folder, { 'archive/other.txt': 'x' });
  const dialog = await sendTo(panel, 'photos');
  const address = dialog.getByLabel('Address', { exact: true });
  await address.fill(`${dav.url}archive/photos/`);
  await expect(dialog.getByRole('status')).toContainText(
    'no file is found there'
  );
  await dialog.getByText('Show What Would Be Done').click();
  await expect(dialog).toContainText('2 files would be copied (71 kB)');
  await expect(dialog.getByRole('listitem').first()).toContainText('to copy');
  await page.screenshot({ path: path.join(PICTURES, 'send.png') });
  expect(await violations(page, '.jp-Dialog')).toEqual([]);
  await dialog.getByRole('button', { name: 'Start' }).click();
  await panel.reaches('photos', 'done');
  expect(harvest(path.join(dav.folder, 'archive/photos'))).toEqual(
    expected(tree)
  );

  await panel.button('More actions for photos').click();
  await page.getByRole('menuitem', { name: 'Show Files…' }).click();
  await expect(
    dialog.locator('.jp-TransfersFiles').getByRole('option')
  ).toHaveCount(2);
  await expect(
    dialog.locator('.jp-TransfersFiles').getByRole('option').nth(1)
  ).toContainText('b c.csv');
  await dialog.getByRole('listbox').press('ArrowDown');
  await expect(dialog.locator('.jp-TransfersFiles-notes')).toContainText(
    'photos/deep/b c.csv'
  );
  const download = page.waitForEvent('download');
  await dialog.getByRole('link', { name: 'Download the report' }).click();
  expect((await download).suggestedFilename()).toMatch(/^transfer-.*\.jsonl$/);

  // The next one is suggested beside it.
  await page.keyboard.press('Escape');
  const again = await sendTo(panel, 'photos');
  await expect(again.getByLabel('Address', { exact: true })).toHaveValue(
    `${dav.url}archive/photos/`
  );
});

test('a folder is made equal only after a yes to what is deleted', async ({
  page,
  panel,
  s3,
  shown
}) => {
  const tree = { 'a.csv': noise(5_000), 'new.csv': noise(3_000) };
  plant(path.join(shown, 'mirror'), tree);
  const old = { 'a.csv': 'old', 'gone/1.txt': 'one', 'gone/2.txt': 'two' };
  plant(path.join(s3.folder, 'bucket/mirror'), old);
  const dialog = await sendTo(panel, 'mirror');
  await dialog
    .getByLabel('Address', { exact: true })
    .fill('s3://bucket/mirror/');
  await dialog.getByText('Options for').click();
  await dialog.getByLabel('Endpoint').fill(s3.url);
  await dialog.getByLabel('Region').fill('us-east-1');
  await dialog.getByLabel('Access key ID', { exact: true }).fill(KEYS.id);
  await dialog.getByLabel('Secret access key').fill(KEYS.secret);
  await dialog.getByLabel('What to do').selectOption('sync');
  await expect(dialog.getByRole('status')).toContainText(
    'This is there already'
  );
  await dialog.getByText('Show What Would Be Done').click();
  await expect(dialog).toContainText(
    '2 files would be deleted, 1 replaced, 1 copied (7.8 kB)'
  );
  await dialog.getByRole('button', { name: 'Start' }).click();
  const row = panel.row('mirror');
  await expect(row).toContainText('2 files would be deleted, 1 replaced');
  expect(Object.keys(harvest(s3.folder))).toContain('bucket/mirror/gone/2.txt');

  await panel.button('Review…: mirror').click();
  const files = dialog.locator('.jp-TransfersFiles').getByRole('option');
  await expect(files).toHaveCount(4);
  // What is lost comes first, and Enter alone loses nothing.
  await expect(files.first()).toContainText('to delete');
  await expect(dialog).toContainText('cannot be brought back');
  await page.screenshot({ path: path.join(PICTURES, 'review.png') });
  expect(await violations(page, '.jp-Dialog')).toEqual([]);
  await page.keyboard.press('Enter');
  await expect(row).toHaveAttribute('data-phase', 'asking');
  await page.keyboard.press('Escape');
  await expect(dialog).toBeHidden();
  await expect(row).toHaveAttribute('data-phase', 'asking');
  await panel.button('Review…: mirror').click();
  await dialog
    .getByRole('button', { name: 'Delete 2 Files and Go On' })
    .click();
  await panel.reaches('mirror', 'done');
  expect(harvest(path.join(s3.folder, 'bucket/mirror'))).toEqual(
    expected(tree)
  );
});

test('a hundred thousand files of a job scroll smoothly', async ({
  page,
  panel,
  source,
  server,
  request
}) => {
  const address = source.add('many.bin', noise(10));
  const answer = await request.post('jupyter-transfer/jobs', {
    data: { source: address, destination: 'many/' }
  });
  const { id } = await answer.json();
  await panel.open();
  await panel.reaches('many.bin', 'done');
  writeRows(server.database, id);
  await panel.button('More actions for many.bin').click();
  await page.getByRole('menuitem', { name: 'Show Files…' }).click();
  const dialog = page.getByRole('dialog');
  await expect(dialog).toContainText('100,001 files');
  const list = dialog.getByRole('listbox');
  // Failed ones come first.
  const first = dialog
    .locator('.jp-TransfersFiles')
    .getByRole('option')
    .first();
  await expect(first).toContainText('The file changed at its source.');
  await page.screenshot({ path: path.join(PICTURES, 'files.png') });
  await page.theme.setDarkTheme();
  expect(await violations(page, '.jp-Dialog')).toEqual([]);
  await page.screenshot({ path: path.join(PICTURES, 'files-dark.png') });

  const { frames, most } = await list.evaluate(scrollThrough);
  // Told, not demanded: how long a task takes is the machine's business, too.
  console.log(`${MANY} rows: longest frame ${Math.max(...frames)} ms`);
  expect(most).toBeLessThan(60);
  await list.press('End');
  await expect(
    dialog.locator('.jp-TransfersFiles').getByRole('option').last()
  ).toContainText('many.bin');
  await expect(
    dialog.locator('.jp-TransfersFiles').getByRole('option', { selected: true })
  ).toHaveAttribute('aria-posinset', '100001');

  await dialog.getByLabel('Which files').selectOption('failed');
  await expect(dialog).toContainText('100 files');
  await list.press('End');
  await expect(dialog.locator('.jp-TransfersFiles-notes')).toContainText(
    'Start it again'
  );
});

/** Rows as a job of so many files would have written them. */
function writeRows(database: string, job: string): void {
  const error = JSON.stringify({
    code: 'remote_changed',
    message: 'The file changed at its source.',
    remedy: 'Start it again.',
    retryable: false,
    detail: {}
  });
  execFileSync('python3', [
    '-c',
    `
import sqlite3, sys
database, job, error, many = sys.argv[1:]
rows = (
    (job, f"many/{n % 200:03}/file-{n:06}.bin", "failed" if n % 1000 == 0 else "done", n,
     error if n % 1000 == 0 else None, None if n % 1000 == 0 else "no_digest")
    for n in range(int(many))
)
with sqlite3.connect(database, timeout=30) as db:
    db.executemany(
        "insert into files (job, path, state, size, error, unverified) values (?,?,?,?,?,?)", rows
    )
`,
    database,
    job,
    error,
    String(MANY)
  ]);
}

/** Scroll through all of it; how long frames took, and how many rows there were. */
async function scrollThrough(list: HTMLElement) {
  const frames: number[] = [];
  let most = 0;
  let before = performance.now();
  for (let step = 0; step <= 100; step++) {
    list.scrollTop = (list.scrollHeight * step) / 100;
    await new Promise(requestAnimationFrame);
    const now = performance.now();
    frames.push(Math.round(now - before));
    before = now;
    most = Math.max(most, list.querySelectorAll('[role=option]').length);
  }
  return { frames, most };
}
