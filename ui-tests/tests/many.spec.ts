/**
 * A folder of very many files: the page stays quick and small.
 */

import type { Page } from '@playwright/test';
import * as fs from 'fs';
import * as path from 'path';
import { drop } from '../support/devtools';
import { expect, test } from '../support/fixtures';

const FOLDERS = 100;
const FILES = Number(process.env.MANY_FILES ?? 2_500);

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

/** Files of `plantMany` below `folder`. */
function arrived(folder: string): string[] {
  const many = path.join(folder, 'many');
  const names = fs.existsSync(many)
    ? fs.readdirSync(many, { recursive: true })
    : [];
  return names.map(String).filter(name => name.endsWith('.txt'));
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

/** Count the handles of files that the page itself asks for, from here on. */
async function countHandles(page: Page): Promise<void> {
  await page.evaluate(() => {
    const { prototype } = FileSystemDirectoryHandle;
    const { getFileHandle } = prototype;
    (window as any).handles = 0;
    prototype.getFileHandle = function (...given) {
      (window as any).handles += 1;
      return getFileHandle.apply(this, given);
    };
  });
}

/** The properties that animations in the panel change. */
function animated(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const own = ['computedOffset', 'offset', 'easing', 'composite'];
    return document.getAnimations().flatMap(({ effect }) => {
      const { target } = effect as KeyframeEffect;
      return target?.closest('.jp-TransfersRow')
        ? (effect as KeyframeEffect)
            .getKeyframes()
            .flatMap(Object.keys)
            .filter(name => !own.includes(name))
        : [];
    });
  });
}

function heap(page: Page): Promise<number> {
  return page.evaluate(() => (performance as any).memory.usedJSHeapSize);
}

/** What became of `watch`. */
async function tasks(page: Page): Promise<number[]> {
  return page.evaluate(() => (window as any).longTasks);
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
  await countHandles(page);
  await drop(page, panel.node, [path.join(desk, 'many')]);
  await expect(panel.row('many')).toBeVisible({ timeout: 120_000 });
  await watch(page);
  let most = 0;
  const changed = new Set<string>();
  await expect
    .poll(
      async () => {
        (await animated(page)).forEach(name => changed.add(name));
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
  // Anything else is a layout of the page, sixty times a second.
  expect([...changed]).toEqual(['transform']);
  // To close what each of them keeps is a pause of the garbage collector.
  expect(await page.evaluate(() => (window as any).handles)).toBe(0);
  // Told, not demanded: how long a task takes is the machine's business, too.
  console.log(
    `${FILES} files: long tasks ${await tasks(page)}, heap + ${most - before}`
  );
  expect(most - before).toBeLessThan(HEAP);
  expect(arrived(shown)).toHaveLength(FILES);
});

test('very many files that are there already are left out', async ({
  page,
  panel,
  desk,
  shown
}) => {
  test.setTimeout(600_000);
  plantMany(desk);
  await panel.open();
  await drop(page, panel.node, [path.join(desk, 'many')]);
  await expect
    .poll(() => arrived(shown).length, { timeout: 120_000 })
    .toBeGreaterThan(0);
  page.on('dialog', dialog => void dialog.accept());
  await page.reload();
  await panel.open();
  await panel.reaches('many', 'asking');
  // As if all but a few had arrived before the page was loaded again.
  const rest = fs.readdirSync(path.join(desk, 'many/7'));
  for (let folder = 0; folder < FOLDERS; folder++) {
    const [from, to] = [desk, shown].map(at => path.join(at, `many/${folder}`));
    fs.cpSync(from, to, { recursive: true, preserveTimestamps: true });
  }
  rest.forEach(name => fs.rmSync(path.join(shown, 'many/7', name)));
  const before = await heap(page);
  const begin = Date.now();
  await panel.button('Go on: many').click();
  await watch(page);
  await panel.reaches('many', 'done', 500_000);
  const seconds = (Date.now() - begin) / 1000;
  const grown = (await heap(page)) - before;
  console.log(
    `${FILES} files, ${rest.length} to send: ${seconds} s, ` +
      `long tasks ${await tasks(page)}, heap + ${grown}`
  );
  expect(grown).toBeLessThan(HEAP);
  expect(arrived(shown)).toHaveLength(FILES);
  await expect(panel.row('many')).toContainText(`${rest.length} files`);
});
