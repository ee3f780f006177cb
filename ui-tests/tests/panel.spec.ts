/**
 * The panel itself: where it is, what it says, whom it serves.
 */

import * as fs from 'fs';
import * as path from 'path';
import { violations } from '../support/axe';
import { MiB, noise } from '../support/files';
import { expect, test } from '../support/fixtures';
import { fetchFrom, openFrom } from '../support/from';
import { leavePart, leaveSend } from '../support/leftovers';
import { PANEL_ID } from '../support/panel';

const PICTURES = path.join(__dirname, '../screenshots');

const THEMES = ['JupyterLab Light', 'JupyterLab Dark'];

test('it opens and says how to begin', async ({ page, panel }) => {
  await panel.open();
  for (const name of ['Upload files', 'Upload a folder', 'From an address…']) {
    await expect(
      panel.node.getByRole('button', { name, exact: true })
    ).toBeVisible();
  }
  await expect(panel.node).toContainText('drop files and folders here');
  await expect(panel.rows).toHaveCount(0);
  for (const theme of THEMES) {
    await page.theme.setTheme(theme);
    expect(await violations(page, `#${PANEL_ID}`)).toEqual([]);
  }
});

test('rows are moved among and worked by keyboard alone', async ({
  page,
  panel,
  source
}) => {
  source.rate = MiB / 4;
  for (const name of ['first.bin', 'second.bin']) {
    await fetchFrom(panel, source.add(name, noise(24 * MiB)));
    await panel.passes(name, 1);
  }
  await expect(
    panel.node.locator('[tabindex="0"].jp-TransfersRow')
  ).toHaveCount(1);
  await panel.rows.first().focus();
  await page.keyboard.press('ArrowDown');
  await expect(panel.rows.nth(1)).toBeFocused();
  await page.keyboard.press('Home');
  await expect(panel.rows.first()).toBeFocused();

  const name = await panel.rows
    .first()
    .locator('.jp-TransfersRow-name')
    .innerText();
  await page.keyboard.press('Space');
  await panel.reaches(name, 'paused');
  await expect(panel.row(name)).toBeFocused();
  await page.keyboard.press('Space');
  await panel.passes(name, 1);
  await page.keyboard.press('Delete');
  await panel.reaches(name, 'cancelled');
});

for (const theme of THEMES) {
  test(`axe finds nothing in ${theme}`, async ({ page, panel, source }) => {
    await page.theme.setTheme(theme);
    await fetchFrom(panel, source.add('done.bin', noise(MiB)));
    await panel.reaches('done.bin', 'done');
    source.rate = MiB / 4;
    await fetchFrom(panel, source.add('running.bin', noise(24 * MiB)));
    await panel.passes('running.bin', 1);
    await fetchFrom(panel, source.add('paused.bin', noise(24 * MiB)));
    await panel.passes('paused.bin', 1);
    await panel.button('Pause paused.bin').click();
    await panel.reaches('paused.bin', 'paused');
    expect(await violations(page, `#${PANEL_ID}`)).toEqual([]);

    await openFrom(panel);
    const dialog = page.getByRole('dialog');
    await dialog
      .getByLabel('Address', { exact: true })
      .fill('http://169.254.169.254/');
    await expect(dialog.getByRole('status')).not.toContainText('Looking');
    expect(await violations(page, '.jp-TransfersFrom')).toEqual([]);
    await page.keyboard.press('Escape');
  });
}

test('leftovers are listed and cleaned', async ({
  page,
  panel,
  server,
  shown
}) => {
  const folder = path.join(shown, 'field');
  leavePart(shown, 3 * MiB);
  leavePart(folder, MiB);
  // Nobody listens there.
  const gone = 'http://127.0.0.1:9/f.bin';
  leaveSend(server.database, gone);
  await panel.open();
  await panel.button('More actions').click();
  await page.getByRole('menuitem', { name: 'Leftovers…' }).click();
  const dialog = page.getByRole('dialog');
  const status = dialog.getByRole('status');
  const rows = dialog.getByRole('row');
  await expect(status).toHaveText('3 leftovers · 4 MB on the disk');
  const service = rows.filter({ hasText: gone });
  await service.getByRole('button', { name: 'Clean' }).click();
  await expect(service).toContainText('Not removed');
  for (const theme of THEMES) {
    await page.theme.setTheme(theme);
    expect(await violations(page, '.jp-TransfersFiles-dialog')).toEqual([]);
    const name = theme.endsWith('Dark') ? 'leftovers-dark' : 'leftovers';
    await page.screenshot({ path: path.join(PICTURES, `${name}.png`) });
  }
  // The buttons stay in one line, however much there is to say beside them.
  for (const width of [1280, 420]) {
    await page.setViewportSize({ width, height: 720 });
    const tops = ['Look Again', 'Clean All…'].map(async name => {
      const box = await dialog.getByRole('button', { name }).boundingBox();
      return box!.y;
    });
    const [again, all] = await Promise.all(tops);
    expect(all).toBe(again);
  }
  await page.setViewportSize({ width: 1280, height: 720 });
  await service.getByRole('button', { name: 'Forget' }).click();
  await expect(rows).toHaveCount(2);
  // By keyboard: the list, its first row.
  await expect(dialog.getByRole('grid')).toBeFocused();
  await page.keyboard.press('Home');
  await page.keyboard.press('Delete');
  await expect(status).toHaveText(/^one leftover · 1 MB on the disk$/);
  await dialog.getByRole('button', { name: 'Clean All…' }).press('Enter');
  await dialog.getByRole('button', { name: 'Remove All' }).click();
  await expect(status).toHaveText(
    '2 leftovers were removed (4 MB). ' +
      'One is only off this list: it still lies at its service.'
  );
  expect(fs.existsSync(path.join(folder, '.jupyter-transfer'))).toBe(false);
  expect(fs.existsSync(path.join(shown, '.jupyter-transfer'))).toBe(false);
});

test('progress is said aloud', async ({ page, panel, source }) => {
  const said: string[] = [];
  await page.exposeFunction('heard', (text: string) => said.push(text));
  await page.evaluate(() => {
    for (const node of document.querySelectorAll('.jp-TransfersAnnouncer')) {
      new MutationObserver(() =>
        (window as any).heard(node.textContent)
      ).observe(node, { childList: true, characterData: true, subtree: true });
    }
  });
  source.rate = MiB;
  await fetchFrom(panel, source.add('aloud.bin', noise(24 * MiB)));
  await panel.passes('aloud.bin', 50);
  source.rate = null;
  await panel.reaches('aloud.bin', 'done');
  await expect.poll(() => said.join(' ')).toContain('aloud.bin: Done');
  expect(said.join(' ')).toContain('aloud.bin began.');
  expect(said.join(' ')).toMatch(/aloud.bin: [56]\d%/);
});

test('it is usable at 200 pixels', async ({ page, panel, source }) => {
  await fetchFrom(
    panel,
    source.add('a rather long name of a file.tar.gz', noise(MiB))
  );
  await panel.reaches('.tar.gz', 'done');
  await page.sidebar.setWidth(200, 'left');
  const overflow = await panel.node.evaluate(node =>
    Array.from(node.querySelectorAll('.jp-TransfersRow, .jp-TransfersRow *'))
      .filter(part => part.getBoundingClientRect().width > 0)
      .filter(
        part =>
          part.getBoundingClientRect().right >
          node.getBoundingClientRect().right + 1
      )
      .map(part => part.className)
  );
  expect(overflow).toEqual([]);
});
