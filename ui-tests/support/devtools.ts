/**
 * What only Chromium's own protocol can do.
 */

import type { CDPSession, Locator, Page } from '@playwright/test';

function connect(page: Page): Promise<CDPSession> {
  // Galata wraps the page; the protocol wants the real one.
  return page.context().newCDPSession(page.mainFrame().page());
}

/**
 * A real drop on the middle of `target`: Chromium itself makes the DataTransfer
 * with its file system entries, as if a person had let go of files and folders
 * of this machine.
 */
export async function drop(
  page: Page,
  target: Locator,
  paths: readonly string[]
): Promise<void> {
  await target.scrollIntoViewIfNeeded();
  const box = await target.boundingBox();
  if (!box) {
    throw new Error('The target of the drop cannot be seen.');
  }
  const session = await connect(page);
  const event = {
    x: box.x + box.width / 2,
    y: box.y + box.height / 2,
    data: { items: [], files: [...paths], dragOperationsMask: 1 }
  };
  for (const type of ['dragEnter', 'dragOver', 'drop'] as const) {
    await session.send('Input.dispatchDragEvent', { type, ...event });
  }
  await session.detach();
}

/** Let the page send at most so many bytes a second; null is no limit. */
export class Throttle {
  constructor(private _page: Page) {}

  async set(bytesPerSecond: number | null): Promise<void> {
    // The limit holds as long as the session does.
    this._session ??= await connect(this._page);
    await this._session.send('Network.emulateNetworkConditions', {
      offline: false,
      latency: 0,
      downloadThroughput: -1,
      uploadThroughput: bytesPerSecond ?? -1
    });
  }

  private _session: CDPSession | null = null;
}
