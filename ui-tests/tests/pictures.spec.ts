/**
 * Pictures of the real panel with real transfers, in ui-tests/screenshots; `make
 * pictures` puts those of the README into docs/.
 */

import { galata } from '@jupyterlab/galata';
import * as fs from 'fs';
import * as path from 'path';
import { drop, Throttle } from '../support/devtools';
import { MiB, noise, plant } from '../support/files';
import { expect, test } from '../support/fixtures';
import { fetchFrom } from '../support/from';
import { TransfersPanel } from '../support/panel';
import type { Source } from '../support/source';

const FOLDER = path.join(__dirname, '../screenshots');

const README = `# Field data, November 2026

| name | what | from |
| --- | --- | --- |
| \`photos\` | 40 pictures of the plots | the camera |
| \`survey.parquet\` | answers of 1,204 households | the laptop |
| \`era5-2026-11.nc\` | reanalysis, hourly | the web |

Nothing here is half a file: what has its name is whole.
`;

/** Some of each kind: running, paused, failed, done. */
async function stage(
  panel: TransfersPanel,
  source: Source,
  desk: string
): Promise<void> {
  const { page } = panel;
  plant(desk, {
    'model-weights.safetensors': noise(64 * MiB),
    'survey.parquet': noise(3 * MiB),
    ...Object.fromEntries(
      Array.from({ length: 40 }, (_, n) => [`photos/${n}.jpg`, noise(20_000)])
    )
  });
  await panel.open();
  await page.evaluate(() =>
    (window as any).jupyterapp.commands.execute('docmanager:open', {
      path: 'field-data/README.md',
      factory: 'Markdown Preview'
    })
  );
  await page.locator('.jp-MarkdownViewer h1').waitFor();
  await drop(page, panel.node, [path.join(desk, 'photos')]);
  await panel.reaches('photos', 'done');
  await drop(page, panel.node, [path.join(desk, 'survey.parquet')]);
  await panel.reaches('survey.parquet', 'done');
  source.digests = true;
  await fetchFrom(panel, source.add('sentinel-2-tile.tif', noise(9 * MiB)));
  await panel.reaches('sentinel-2-tile.tif', 'done');
  source.rate = 2 * MiB;
  await fetchFrom(panel, source.add('station-readings.csv', noise(60 * MiB)));
  await panel.passes('station-readings.csv', 8);
  await panel.row('station-readings.csv').getByRole('button').first().click();
  await panel.reaches('station-readings.csv', 'paused');
  source.rate = MiB;
  await fetchFrom(panel, source.add('era5-2026-11.nc', noise(96 * MiB)));
  const throttle = new Throttle(page);
  await throttle.set(2 * MiB);
  await drop(page, panel.node, [path.join(desk, 'model-weights.safetensors')]);
  await panel.passes('model-weights.safetensors', 25);
  await panel.passes('era5-2026-11.nc', 10);
  // Speed is shown when it is known well enough.
  await expect(panel.row('era5-2026-11.nc')).toContainText(/B\/[s秒]/);
  await page.mouse.move(900, 600);
}

test.use({
  // Its name is in the pictures.
  tmpPath: async ({ server }, use) => {
    plant(server.root, { 'field-data/README.md': README });
    await use('field-data');
    fs.rmSync(path.join(server.root, 'field-data'), { recursive: true });
  },
  viewport: { width: 1120, height: 640 },
  deviceScaleFactor: 2
});

test.describe('in English', () => {
  test('light and dark', async ({ page, panel, source, desk }) => {
    await page.sidebar.setWidth(340, 'left');
    await stage(panel, source, desk);
    await page.screenshot({ path: path.join(FOLDER, 'panel.png') });
    await page.theme.setDarkTheme();
    await page.screenshot({ path: path.join(FOLDER, 'panel-dark.png') });
  });
});

test.describe('in Chinese', () => {
  test.use({
    mockSettings: {
      ...galata.DEFAULT_SETTINGS,
      '@jupyterlab/translation-extension:plugin': { locale: 'zh_CN' }
    },
    // Galata looks for the word "Launcher".
    waitForApplication: async ({}, use) =>
      use(async page => {
        await page.locator('#jupyterlab-splash').waitFor({ state: 'detached' });
        await page.locator('.jp-Launcher').waitFor();
      })
  });

  test('the panel speaks it', async ({ page, panel, source, desk }) => {
    await expect(page.getByRole('menuitem').first()).toHaveText('文件');
    await page.sidebar.setWidth(340, 'left');
    await stage(panel, source, desk);
    await expect(panel.node).toContainText('已暂停');
    await page.screenshot({ path: path.join(FOLDER, 'panel-zh.png') });
  });
});
