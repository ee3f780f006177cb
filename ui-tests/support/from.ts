/**
 * The dialog "From…".
 */

import { expect } from '@jupyterlab/galata';
import type { TransfersPanel } from './panel';

/** Open the dialog by the button of the panel's toolbar. */
export async function openFrom(panel: TransfersPanel): Promise<void> {
  await panel.open();
  await panel.node
    .locator('[data-jp-item-name="from-address"]')
    .getByRole('button')
    .click();
}

/** Fetch what stands at `address` into the folder that is shown. */
export async function fetchFrom(
  panel: TransfersPanel,
  address: string
): Promise<void> {
  await openFrom(panel);
  const dialog = panel.page.locator('.jp-TransfersFrom-dialog');
  await dialog.locator('input').first().fill(address);
  await expect(dialog.locator('.jp-TransfersFound-title')).toBeVisible();
  await dialog.locator('.jp-Dialog-button.jp-mod-accept').click();
  await expect(dialog).toBeHidden();
}
