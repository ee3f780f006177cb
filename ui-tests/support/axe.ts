/**
 * What axe finds.
 */

import AxeBuilder from '@axe-core/playwright';
import type { Page } from '@playwright/test';

/** What axe finds in the part of the page that is ours. */
export async function violations(page: Page, part: string): Promise<string[]> {
  const result = await new AxeBuilder({ page: page.mainFrame().page() })
    .include(part)
    .analyze();
  return result.violations.flatMap(({ id, nodes }) =>
    nodes.map(node => `${id}: ${node.html} ${node.failureSummary}`)
  );
}
