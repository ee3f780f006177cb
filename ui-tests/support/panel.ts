/**
 * The Transfers panel as a person sees it.
 */

import { expect, IJupyterLabPageFixture } from '@jupyterlab/galata';
import type { Locator } from '@playwright/test';

export const PANEL_ID = 'jp-transfers-panel';

export class TransfersPanel {
  constructor(readonly page: IJupyterLabPageFixture) {
    this.node = page.locator(`#${PANEL_ID}`);
  }

  readonly node: Locator;

  async open(): Promise<void> {
    await this.page.sidebar.openTab(PANEL_ID);
    await expect(this.node).toBeVisible();
  }

  get rows(): Locator {
    return this.node.locator('.jp-TransfersRow');
  }

  row(name: string): Locator {
    const label = this.page.locator('.jp-TransfersRow-name', { hasText: name });
    return this.rows.filter({ has: label });
  }

  /** Wait until the row is in a phase such as `done`. */
  async reaches(name: string, phase: string, timeout = 60_000): Promise<void> {
    await expect(this.row(name)).toHaveAttribute('data-phase', phase, {
      timeout
    });
  }

  /** Wait until the bar of a moving row shows at least `percent`. */
  async passes(name: string, percent: number): Promise<void> {
    await expect
      .poll(() => this.percent(name), { timeout: 30_000, intervals: [100] })
      .toBeGreaterThanOrEqual(percent);
  }

  /** What the bar of a row shows; 0 while it shows nothing, 100 when all is done. */
  percent(name: string): Promise<number> {
    // At one moment, because a bar vanishes when its transfer ends.
    return this.row(name).evaluateAll(([row]) => {
      const bar = row?.querySelector('[role="progressbar"]');
      return row?.getAttribute('data-phase') === 'done'
        ? 100
        : Number(bar?.getAttribute('aria-valuenow') ?? 0);
    });
  }

  /** A button of a row by its name for screen readers. */
  button(label: string): Locator {
    return this.node.getByRole('button', { name: label, exact: true });
  }
}
