/**
 * The form "From…" has the options that the backend of the address declares.
 */

import * as path from 'path';
import { expected, harvest, noise } from '../support/files';
import { expect, test } from '../support/fixtures';
import { openFrom } from '../support/from';

const PICTURES = path.join(__dirname, '../screenshots');

test('a file that wants a token is found and fetched with it', async ({
  page,
  panel,
  source,
  shown
}) => {
  const body = noise(100_000);
  source.token = 'hush-7213';
  const address = source.add('private.bin', body);
  await openFrom(panel);
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Address', { exact: true }).fill(address);
  // What is missing opens by itself.
  await expect(dialog.getByRole('status')).toContainText('asks who you are');
  await dialog.getByLabel('Token').fill('hush-7213');
  await expect(dialog.getByRole('status')).toContainText('private.bin');
  await dialog.getByRole('button', { name: 'Start' }).click();
  await panel.reaches('private.bin', 'done');
  await expect
    .poll(() => harvest(shown))
    .toEqual(expected({ 'private.bin': body }));
});

test('each service has its own options', async ({ page, panel }) => {
  await openFrom(panel);
  const dialog = page.getByRole('dialog');
  const options = dialog.getByText('Options for');
  await dialog.getByLabel('Address', { exact: true }).fill('s3://');
  await options.click();
  await expect(dialog.getByLabel('Endpoint')).toBeVisible();
  await expect(dialog.getByLabel('Secret access key')).toHaveAttribute(
    'type',
    'password'
  );
  await page.screenshot({ path: path.join(PICTURES, 'form.png') });
  await page.theme.setDarkTheme();
  await page.screenshot({ path: path.join(PICTURES, 'form-dark.png') });
  await dialog.getByLabel('Address', { exact: true }).fill('sftp://');
  await options.click();
  await expect(dialog.getByLabel('Key file')).toBeVisible();
  await expect(dialog.getByLabel('Endpoint')).toBeHidden();
});
