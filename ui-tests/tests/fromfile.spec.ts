/**
 * Transfers that a file describes: what it lacks is entered, then they run; and a
 * job as a DataCube.
 */

import * as fs from 'fs';
import * as path from 'path';
import { violations } from '../support/axe';
import { noise, plant } from '../support/files';
import { expect, test } from '../support/fixtures';
import { KEYS } from '../support/service';

const PICTURES = path.join(__dirname, '../screenshots');

const secret = (option: string, key: string) =>
  `    - name: ${option}
      valueFrom: { secretKeyRef: { name: s3-env, key: ${key} } }`;

const CUBE = `apiVersion: tensorstack.dev/v1beta1
kind: DataCube
metadata: { name: training-set }
spec:
  source:
    type: s3
    options:
${secret('s3-endpoint', 'endpoint')}
${secret('s3-access-key-id', 'accessKeyID')}
${secret('s3-secret-access-key', 'secretAccessKey')}
    - { name: s3-uri, value: "s3://bucket/set/" }
  sink:
    type: pvc
    pvc: { name: datasets, subPath: set }
  executor:
    resources: { limits: { cpu: 1 } }
    options: { extraArgs: ["--s3-region", "us-east-1"] }
`;

test('a DataCube of the file browser runs, and is exported again', async ({
  page,
  panel,
  s3,
  desk,
  shown,
  tmpPath
}) => {
  plant(s3.folder, { 'bucket/set/a.csv': noise(5_000) });
  plant(shown, { 'training-set.yaml': CUBE });
  await page.sidebar.openTab('filebrowser');
  await page.evaluate(() =>
    (window as any).jupyterapp.commands.execute('filebrowser:refresh')
  );
  await page
    .locator('.jp-DirListing-item', { hasText: 'training-set.yaml' })
    .click({ button: 'right' });
  await page.getByRole('menuitem', { name: 'Transfers from File…' }).click();
  const dialog = page.getByRole('dialog');
  const start = dialog.getByRole('button', { name: 'Start' });
  await expect(dialog).toContainText('Which folder is the claim datasets?');
  await expect(start).toBeDisabled();
  await dialog.getByLabel('Folder of the claim datasets').fill(tmpPath);
  await dialog.getByLabel('endpoint of the secret s3-env').fill(s3.url);
  await expect(dialog).toContainText('“resources” is ignored');
  await dialog.getByLabel('accessKeyID of the secret').fill(KEYS.id);
  await dialog.getByLabel('secretAccessKey of the secret').fill(KEYS.secret);
  await expect(dialog).toContainText('s3://bucket/set/');
  await expect(start).toBeEnabled();
  await page.screenshot({ path: path.join(PICTURES, 'fromfile.png') });
  expect(await violations(page, '.jp-Dialog')).toEqual([]);
  await start.click();
  await panel.reaches('set', 'done');
  expect(fs.existsSync(path.join(shown, 'set/a.csv'))).toBe(true);

  await panel.button('More actions for set').click();
  await page.getByRole('menuitem', { name: 'Export as DataCube YAML' }).click();
  await dialog.getByRole('textbox').fill('datasets');
  const saved = page.waitForEvent('download');
  await dialog.getByRole('button', { name: 'Ok' }).click();
  const text = fs.readFileSync((await (await saved).path())!, 'utf8');
  expect(text).toContain(`subPath: ${tmpPath}/set`);
  expect(text).toContain('phase: Complete');
  expect(text).not.toContain(KEYS.secret);

  // A file of this computer, which is none.
  plant(desk, { 'x.yaml': 'kind: Pod\n' });
  await panel.button('More actions').click();
  await page.getByRole('menuitem', { name: 'Transfers from File…' }).click();
  await expect(start).toBeDisabled();
  const chooser = page.waitForEvent('filechooser');
  await dialog.getByRole('button', { name: 'From This Computer…' }).click();
  await (await chooser).setFiles(path.join(desk, 'x.yaml'));
  await expect(dialog.getByRole('alert')).toContainText('Pod');
  await expect(start).toBeDisabled();
});
