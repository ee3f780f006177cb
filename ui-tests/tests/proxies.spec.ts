/**
 * The uploader with its default settings through proxies as they are in the
 * wild: with their limits, their timeouts and their opinions on verbs.
 */

import type { IJupyterLabPageFixture } from '@jupyterlab/galata';
import * as path from 'path';
import { drop, Throttle } from '../support/devtools';
import { expected, harvest, MiB, noise, plant } from '../support/files';
import { expect, test as baseTest } from '../support/fixtures';
import type { TransfersPanel } from '../support/panel';
import type { IProxy } from '../support/proxies';
import { BadProxy, ConfigurableHttpProxy, Nginx } from '../support/proxies';

const NAME = 'through.bin';
const SIZE = 20 * MiB;

/** Starts a proxy before the server at an address. */
type Start = (target: string) => Promise<IProxy>;

const test = baseTest.extend<{ start: Start; way: IProxy }>({
  start: [
    async ({}, use) => use(target => Nginx.start(target)),
    { option: true }
  ],

  /** The only way to the server. */
  way: async ({ server, start }, use) => {
    const proxy = await start(server.url);
    await use(proxy);
    await proxy.stop();
  },

  baseURL: async ({ way }, use) => use(way.url),

  context: async ({ context, way, server }, use) => {
    await context.request.get(`${way.url}/lab?token=${server.token}`);
    await use(context);
  }
});

/** Drop a file; `meanwhile` happens when a part of it has arrived. */
async function send(
  page: IJupyterLabPageFixture,
  panel: TransfersPanel,
  desk: string,
  shown: string,
  meanwhile?: (throttle: Throttle) => Promise<void>
): Promise<void> {
  const tree = { [NAME]: noise(SIZE) };
  plant(desk, tree);
  await panel.open();
  const throttle = new Throttle(page);
  if (meanwhile) {
    await throttle.set(8 * MiB);
  }
  await drop(page, panel.node, [path.join(desk, NAME)]);
  if (meanwhile) {
    await panel.passes(NAME, 10);
    await meanwhile(throttle);
    await throttle.set(null);
  }
  await panel.reaches(NAME, 'done');
  expect(harvest(shown)).toEqual(expected(tree));
}

test.describe('nginx as it comes', () => {
  test('takes 1 MB at a time', async ({ page, panel, desk, shown, way }) => {
    await send(page, panel, desk, shown);
    const taken = way.passed().filter(({ status }) => status < 300);
    const bytes = taken.map(request => request.bytes);
    expect(Math.max(...bytes)).toBeLessThanOrEqual(MiB);
    expect(bytes.reduce((sum, size) => sum + size, 0)).toBe(SIZE);
  });
});

test.describe('nginx with short timeouts', () => {
  test.use({
    start: async ({}, use) =>
      use(target =>
        Nginx.start(
          target,
          `client_max_body_size 0;
           client_body_timeout 2s;
           proxy_read_timeout 2s;
           proxy_send_timeout 2s;
           send_timeout 2s;`
        )
      )
  });

  test('loses patience with the server and with the browser', async ({
    page,
    panel,
    server,
    desk,
    shown,
    way
  }) => {
    const answers = (status: number) =>
      way.passed().filter(request => request.status === status).length;
    await send(page, panel, desk, shown, async throttle => {
      await server.freeze(3000);
      await throttle.set(1);
      await expect.poll(() => answers(408), { timeout: 30_000 }).not.toBe(0);
    });
    expect(answers(504)).toBeGreaterThan(0);
  });
});

test.describe('configurable-http-proxy', () => {
  test.use({
    start: async ({}, use) => use(ConfigurableHttpProxy.start)
  });

  test('passes an upload on, also while its server starts again', async ({
    page,
    panel,
    server,
    desk,
    shown
  }) => {
    await send(page, panel, desk, shown, async () => {
      await server.kill();
      await server.start();
    });
  });
});

test.describe('a proxy that refuses PATCH and HEAD', () => {
  test.use({
    start: async ({}, use) =>
      use(target =>
        BadProxy.start(target, { refuses: ['PATCH', 'HEAD', 'DELETE'] })
      )
  });

  test('is passed by other verbs', async ({
    page,
    panel,
    desk,
    shown,
    way
  }) => {
    await send(page, panel, desk, shown, async () => (way as BadProxy).cut());
    const refused = way.passed().filter(({ status }) => status === 405);
    expect(refused.map(({ method }) => method)).toContain('PATCH');
  });
});

test.describe('a proxy that changes bytes', () => {
  const FLIPS = 3;
  test.use({
    start: async ({}, use) =>
      use(target => BadProxy.start(target, { flips: FLIPS }))
  });

  test('is found out', async ({ page, panel, desk, shown, way }) => {
    await send(page, panel, desk, shown, async () => undefined);
    const found = way.passed().filter(({ status }) => status === 460);
    expect(found.length).toBe(FLIPS);
  });
});
