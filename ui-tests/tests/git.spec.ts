/**
 * A repository: cloned by "From…", changed, committed and pushed by "Send to…".
 */

import * as fs from 'fs';
import * as path from 'path';
import { violations } from '../support/axe';
import { expect, test } from '../support/fixtures';
import { fetchFrom } from '../support/from';
import { GitServer } from '../support/gitserver';

const PICTURES = path.join(__dirname, '../screenshots');

test('a repository is cloned, and what was changed is committed and pushed', async ({
  page,
  panel,
  server,
  shown
}) => {
  const remote = await GitServer.start();
  fs.writeFileSync(
    path.join(path.dirname(server.root), '.gitconfig'),
    '[user]\n\tname = Ann Example\n\temail = ann@example.org\n'
  );
  try {
    await fetchFrom(panel, `git+${remote.url}`);
    await panel.reaches('field-data', 'done');
    const clone = path.join(shown, 'field-data');
    fs.writeFileSync(path.join(clone, 'plots.csv'), 'plot,tree\n1,elm\n');
    fs.rmSync(path.join(clone, 'old.csv'));
    fs.writeFileSync(path.join(clone, 'new.csv'), '2\n');
    fs.writeFileSync(path.join(clone, 'mine.txt'), 'mine\n');

    await page.sidebar.openTab('filebrowser');
    await page.evaluate(() =>
      (window as any).jupyterapp.commands.execute('filebrowser:refresh')
    );
    await page
      .locator('.jp-DirListing-item', { hasText: 'field-data' })
      .click({ button: 'right' });
    await page.getByRole('menuitem', { name: 'Send to Address…' }).click();
    const dialog = page.getByRole('dialog');
    await expect(dialog.getByLabel('Address', { exact: true })).toHaveValue(
      `git+${remote.url}`
    );
    // What is found there moves what stands below it.
    await expect(dialog).toContainText('This is there already.');
    await expect(dialog.getByLabel('plots.csv')).toBeChecked();
    await expect(dialog.getByLabel('old.csv')).toBeChecked();
    await expect(dialog.getByLabel('mine.txt')).not.toBeChecked();
    await dialog.getByLabel('new.csv').check();
    await dialog.getByLabel('Message of the commit').fill('Elm, not oak');
    await dialog.getByText('Show What Would Be Done').click();
    await expect(dialog).toContainText('To the branch main, one commit');
    await expect(dialog).toContainText(
      'One file would be deleted, 1 replaced, 1 copied'
    );
    await page.screenshot({ path: path.join(PICTURES, 'git.png') });
    expect(await violations(page, '.jp-Dialog')).toEqual([]);
    await dialog.getByRole('button', { name: 'Start' }).click();
    await expect(dialog).toBeHidden();
    await expect(panel.rows.nth(0)).toHaveAttribute('data-phase', 'done');
    await expect
      .poll(() => remote.git('log', '-1', '--format=%an: %s', 'main'))
      .toBe('Ann Example: Elm, not oak');
    expect(
      remote.git('show', '--format=', '--name-status', 'main').split('\n')
    ).toEqual(['A\tnew.csv', 'D\told.csv', 'M\tplots.csv']);
  } finally {
    await remote.stop();
  }
});
