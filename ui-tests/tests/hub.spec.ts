/**
 * A page of a hub is pasted, signed in to once, and some of its files go to the
 * cache of the official client.
 */

import * as fs from 'fs';
import * as path from 'path';
import { violations } from '../support/axe';
import { harvest } from '../support/files';
import { expect, test as base } from '../support/fixtures';
import { openFrom } from '../support/from';
import { Hub, TOKEN } from '../support/hub';
import { LabServer } from '../support/labserver';

const PICTURES = path.join(__dirname, '../screenshots');

const CACHE = '.cache/huggingface';

const test = base.extend<object, { readonly hub: Hub }>({
  hub: [
    async ({}, use) => {
      const hub = await Hub.start();
      await use(hub);
      await hub.stop();
    },
    { scope: 'worker' }
  ],
  server: [
    async ({ hub }, use) => {
      const server = await LabServer.start(home => ({
        HF_ENDPOINT: hub.url,
        HF_HOME: path.join(home, CACHE),
        HF_TOKEN: ''
      }));
      await use(server);
      await server.stop();
    },
    { scope: 'worker' }
  ]
});

test('a page of a hub, signed in to, files picked, into the cache', async ({
  page,
  panel,
  hub,
  server,
  shown
}) => {
  await openFrom(panel);
  const dialog = page.getByRole('dialog');
  const found = dialog.getByRole('status');
  const address = dialog.getByLabel('Address', { exact: true });
  await address.fill(hub.page);
  await expect(found).toContainText('is private, or there is none');
  await expect(
    dialog.getByRole('group', { name: 'Sign in: Hugging Face' })
  ).toBeVisible();
  expect(await violations(page, '.jp-Dialog')).toEqual([]);
  await page.screenshot({ path: path.join(PICTURES, 'sign-in.png') });
  await dialog.getByRole('button', { name: 'Start' }).click();

  // What waits is signed in for, and goes on.
  const row = panel.row('tiny-owl');
  await row.getByRole('button', { name: 'Sign In…' }).click();
  await dialog.getByLabel('Token').fill('hf_aTokenOfNobody');
  await dialog.getByRole('button', { name: 'Sign In' }).click();
  await expect(dialog.getByRole('alert')).toContainText('does not accept');
  await dialog.getByLabel('Token').fill(TOKEN);
  await dialog.getByLabel('Stay signed in on this server').check();
  await page.screenshot({ path: path.join(PICTURES, 'sign-in-row.png') });
  await dialog.getByRole('button', { name: 'Sign In' }).click();
  await panel.reaches('tiny-owl', 'done');
  await expect(row).toContainText('verified ✓');
  const kept = path.join(path.dirname(server.root), CACHE);
  expect(fs.readFileSync(path.join(kept, 'token'), 'utf8')).toBe(TOKEN);
  expect(server.log).not.toContain(TOKEN);

  // The server knows the way now: what is there is told at once.
  await openFrom(panel);
  await address.fill(hub.page);
  await expect(found).toContainText('4 files');
  await expect(found).toContainText('2.9 MB');
  await expect(found).toContainText('licence mit');
  await expect(found).toContainText('changed');
  await expect(dialog.getByRole('button', { name: 'Sign In' })).toHaveCount(0);
  await dialog.getByText('Options for Hugging Face').click();
  await dialog.getByLabel('Target').selectOption('cache');
  await dialog.getByText('Which files, how fast, when').click();
  await dialog.getByLabel('Only these files').fill('*.json');
  await expect(dialog).toContainText('into the cache of the official client');
  const before = harvest(shown);
  await dialog.getByRole('button', { name: 'Start' }).click();
  await expect(dialog).toBeHidden();
  await expect(panel.rows).toHaveCount(2);
  await expect(panel.rows.nth(0)).toHaveAttribute('data-phase', 'done');
  const snapshots = path.join(kept, 'hub/models--acme--tiny-owl/snapshots');
  const [commit] = fs.readdirSync(snapshots);
  expect(fs.readdirSync(path.join(snapshots, commit)).sort()).toEqual([
    'config.json',
    'tokenizer.json'
  ]);
  expect(harvest(shown)).toEqual(before);
});
