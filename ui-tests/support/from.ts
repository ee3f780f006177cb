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
  const dialog = panel.page.getByRole('dialog');
  await dialog.getByLabel('Address').fill(address);
  await expect(dialog.getByRole('status')).toContainText('can be resumed');
  await dialog.getByRole('button', { name: 'Start' }).click();
  await expect(dialog).toBeHidden();
}
