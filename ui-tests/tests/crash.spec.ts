/**
 * The server is killed in the middle, started again, and everything goes on
 * without a hand: the page stays open all the time.
 */

import * as path from 'path';
import { drop, Throttle } from '../support/devtools';
import { expected, harvest, MiB, noise, plant } from '../support/files';
import { expect, test } from '../support/fixtures';
import { fetchFrom } from '../support/from';

// Galata stands between page and server for these, and gives up when it is dead.
test.use({
  kernels: null,
  sessions: null,
  terminals: null,
  mockConfig: false,
  mockSettings: false,
  mockState: false,
  mockUser: false
});

test('an upload and a fetch go on after the server was killed', async ({
  page,
  panel,
  server,
  source,
  desk,
  shown
}) => {
  test.setTimeout(180_000);
  const sent = noise(48 * MiB);
  const fetched = noise(64 * MiB);
  plant(desk, { 'sent.bin': sent });
  source.rate = MiB;
  await fetchFrom(panel, source.add('fetched.bin', fetched));
  const throttle = new Throttle(page);
  await throttle.set(4 * MiB);
  await drop(page, panel.node, [path.join(desk, 'sent.bin')]);
  await panel.passes('fetched.bin', 10);
  await panel.passes('sent.bin', 20);
  const reached = await panel.percent('sent.bin');

  await server.kill();
  // Neither is whole, so neither has its name.
  const names = Object.keys(harvest(shown));
  expect(names).not.toContain('sent.bin');
  expect(names).not.toContain('fetched.bin');
  const before = source.offsets.length;
  const sentBefore = source.sent;
  await expect(panel.row('sent.bin')).toContainText(/Retrying|Waiting/);

  const patched: number[] = [];
  page.on('request', request => {
    if (request.method() === 'PATCH' || request.method() === 'POST') {
      const offset = request.headers()['upload-offset'];
      if (offset !== undefined) {
        patched.push(Number(offset));
      }
    }
  });
  await server.start();
  await throttle.set(null);
  source.rate = null;
  await panel.reaches('sent.bin', 'done', 120_000);
  await panel.reaches('fetched.bin', 'done', 120_000);
  await expect
    .poll(() => harvest(shown))
    .toEqual(expected({ 'sent.bin': sent, 'fetched.bin': fetched }));

  // They went on; they did not begin again.
  expect(Math.min(...patched)).toBeGreaterThanOrEqual(
    Math.floor((reached / 100) * sent.length) - MiB
  );
  expect(
    source.offsets.slice(before).filter(offset => offset === 0).length
  ).toBeLessThanOrEqual(1);
  expect(source.sent - sentBefore).toBeLessThan(fetched.length);
});
