/**
 * A file on the web, fetched by the server and followed in the panel.
 */

import { expected, harvest, MiB, noise } from '../support/files';
import { expect, test } from '../support/fixtures';
import { fetchFrom, openFrom } from '../support/from';

test('a fetch is followed to its end in the panel', async ({
  page,
  panel,
  source,
  shown
}) => {
  const body = noise(16 * MiB + 7);
  const address = source.add('réseau 1.bin', body);
  source.rate = MiB / 4;
  await openFrom(panel);
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Address', { exact: true }).fill(address);
  await expect(dialog.getByRole('status')).toContainText('réseau 1.bin');
  await expect(dialog.getByRole('status')).toContainText('can be resumed');
  await dialog.getByRole('button', { name: 'Start' }).click();
  const row = panel.row('réseau 1.bin');
  await expect(row).toContainText('Copying');
  await panel.passes('réseau 1.bin', 5);
  expect(Object.keys(harvest(shown))).not.toContain('réseau 1.bin');
  await expect(
    page.locator('.lm-TabBar-tab[data-id="jp-transfers-panel"]')
  ).toHaveAttribute('data-transfers-badge', '1');

  source.rate = null;
  await panel.reaches('réseau 1.bin', 'done');
  await expect(row).toContainText('not verifiable');
  await expect(row).toContainText('16 MB');
  await expect
    .poll(() => harvest(shown))
    .toEqual(expected({ 'réseau 1.bin': body }));
});

test('what its source states a digest of is verified', async ({
  panel,
  source,
  shown
}) => {
  const body = noise(3 * MiB);
  source.digests = true;
  await fetchFrom(panel, source.add('proven.bin', body));
  await panel.reaches('proven.bin', 'done');
  await expect(panel.row('proven.bin')).toContainText('verified ✓');
  await expect
    .poll(() => harvest(shown))
    .toEqual(expected({ 'proven.bin': body }));
});

test('it pauses, resumes from where it was, and is shown in the file browser', async ({
  page,
  panel,
  source,
  shown
}) => {
  const body = noise(24 * MiB);
  source.rate = MiB / 4;
  await fetchFrom(panel, source.add('paused.bin', body));
  await panel.passes('paused.bin', 10);
  await panel.button('Pause paused.bin').click();
  await panel.reaches('paused.bin', 'paused');

  const before = source.offsets.length;
  source.rate = null;
  await panel.button('Resume paused.bin').click();
  await panel.reaches('paused.bin', 'done');
  const again = source.offsets.slice(before).filter(offset => offset === 0);
  // One look at the first byte, nothing more from the beginning.
  expect(again.length).toBeLessThanOrEqual(1);
  // The journal goes after the row says so.
  await expect
    .poll(() => harvest(shown))
    .toEqual(expected({ 'paused.bin': body }));

  await panel.button('Show paused.bin in the file browser').click();
  await expect(
    page.locator('.jp-DirListing-item.jp-mod-selected')
  ).toContainText('paused.bin');
});

test('cancelled means nothing is left and no byte comes any more', async ({
  panel,
  source,
  shown
}) => {
  source.rate = MiB / 4;
  await fetchFrom(panel, source.add('unwanted.bin', noise(24 * MiB)));
  await panel.passes('unwanted.bin', 5);
  await panel.button('Cancel unwanted.bin').click();
  await panel.reaches('unwanted.bin', 'cancelled');
  await expect.poll(() => harvest(shown)).toEqual({});
});

test('an address that may not be called is refused in words', async ({
  page,
  panel
}) => {
  await openFrom(panel);
  const dialog = page.getByRole('dialog');
  await dialog
    .getByLabel('Address', { exact: true })
    .fill('http://169.254.169.254/latest/');
  await expect(dialog.getByRole('status')).toContainText('link-local');
  await expect(dialog.getByRole('button', { name: 'Start' })).toBeDisabled();
  await page.keyboard.press('Escape');
  await expect(dialog).toBeHidden();
  await expect(panel.rows).toHaveCount(0);
});
