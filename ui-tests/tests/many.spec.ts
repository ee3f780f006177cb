/**
 * A folder of very many files: the page stays quick and small.
 */

import type { Page } from '@playwright/test';
import * as fs from 'fs';
import * as path from 'path';
import { drop } from '../support/devtools';
import { expect, test } from '../support/fixtures';

const FOLDERS = 200;
const FILES = Number(process.env.MANY_FILES ?? 5_000);

/** Bytes that the page may grow by. */
const HEAP = 150 * 1024 * 1024;

function plantMany(desk: string): void {
  for (let folder = 0; folder < FOLDERS; folder++) {
    fs.mkdirSync(path.join(desk, `many/${folder}`), { recursive: true });
  }
  for (let n = 0; n < FILES; n++) {
    const file = path.join(desk, `many/${n % FOLDERS}/${n}.txt`);
    fs.writeFileSync(file, `file ${n}`);
  }
}

/** Note the tasks of the page over 50 ms from here on. */
async function watch(page: Page): Promise<void> {
  await page.evaluate(() => {
    const tasks: number[] = ((window as any).longTasks = []);
    new PerformanceObserver(list => {
      list.getEntries().forEach(entry => tasks.push(entry.duration));
    }).observe({ type: 'longtask' });
  });
}

function heap(page: Page): Promise<number> {
  return page.evaluate(() => (performance as any).memory.usedJSHeapSize);
}

test('very many files arrive, and the page does not notice', async ({
  page,
  panel,
  desk,
  shown
}) => {
  test.setTimeout(600_000);
  plantMany(desk);
  await panel.open();
  const before = await heap(page);
  await drop(page, panel.node, [path.join(desk, 'many')]);
  await expect(panel.row('many')).toBeVisible({ timeout: 120_000 });
  await watch(page);
  let most = 0;
  await expect
    .poll(
      async () => {
        most = Math.max(most, await heap(page));
        return panel.row('many').getAttribute('data-phase');
      },
      { timeout: 500_000, intervals: [500] }
    )
    .toBe('done');
  await expect(panel.row('many')).toContainText(
    `${FILES.toLocaleString('en')} files`
  );
  // Packs are put together beside the page.
  const threads = page.mainFrame().page().workers();
  expect(threads.map(thread => thread.url()).join()).toContain('upload_worker');
  const tasks = await page.evaluate(() => (window as any).longTasks);
  // Told, not demanded: how long a task takes is the machine's business, too.
  console.log(`${FILES} files: long tasks ${tasks}, heap + ${most - before}`);
  expect(most - before).toBeLessThan(HEAP);
  const there = fs
    .readdirSync(path.join(shown, 'many'), { recursive: true })
    .filter(name => String(name).endsWith('.txt'));
  expect(there).toHaveLength(FILES);
});
