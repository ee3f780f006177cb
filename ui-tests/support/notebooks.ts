/**
 * Notebooks as files, and running them without a word of the menus.
 */

import type { Page } from '@playwright/test';
import * as fs from 'fs';
import * as path from 'path';

/** A new notebook whose first cell loads the magics and whose others are `cells`. */
export function plantNotebook(
  folder: string,
  name: string,
  ...cells: readonly string[]
): void {
  const notebook = {
    cells: ['%load_ext jupyter_transfer', ...cells].map((source, n) => ({
      cell_type: 'code',
      id: `cell-${n}`,
      execution_count: null,
      metadata: {},
      outputs: [],
      source
    })),
    metadata: { kernelspec: { name: 'python3', display_name: 'Python 3' } },
    nbformat: 4,
    nbformat_minor: 5
  };
  fs.mkdirSync(folder, { recursive: true });
  fs.writeFileSync(path.join(folder, name), JSON.stringify(notebook));
}

/** Open a notebook of JupyterLab. */
export async function openNotebook(page: Page, path: string): Promise<void> {
  await page.evaluate(
    path =>
      (window as any).jupyterapp.commands
        .execute('docmanager:open', { path })
        .then(() => undefined),
    path
  );
}

/** Begin to run all cells of the notebook that is open, once its kernel has said who it is. */
export async function runAll(page: Page): Promise<void> {
  await page.locator('.jp-Notebook').waitFor();
  await page.evaluate(async () => {
    const { commands, shell } = (window as any).jupyterapp;
    const { context, sessionContext } = shell.currentWidget;
    await context.ready;
    await sessionContext.ready;
    // Lab asks the person for a kernel while there is none.
    while (!sessionContext.session?.kernel) {
      await new Promise(resolve => setTimeout(resolve, 50));
    }
    await sessionContext.session.kernel.info;
    // It is done when the last cell is, which may wait for what a test does.
    void commands.execute('notebook:run-all-cells');
  });
}
