/**
 * Galata's test with a server of ours: signed in by cookie, XSRF check on.
 */

import { test as galataTest } from '@jupyterlab/galata';
import * as fs from 'fs';
import * as os from 'os';
import * as path from 'path';
import { LabServer } from './labserver';
import { TransfersPanel } from './panel';
import { Service } from './service';
import { Source } from './source';

export interface ITransferFixtures {
  /** The list of transfers is empty when a test begins. */
  readonly emptyList: void;
  readonly panel: TransfersPanel;
  /** A web server to fetch from. */
  readonly source: Source;
  /** Services to send to. */
  readonly dav: Service;
  readonly s3: Service;
  /** A folder on the person's computer. */
  readonly desk: string;
  /** The folder on the server's disk that the file browser shows. */
  readonly shown: string;
}

export interface ITransferWorkerFixtures {
  readonly server: LabServer;
}

export const test = galataTest.extend<
  ITransferFixtures,
  ITransferWorkerFixtures
>({
  server: [
    async ({}, use) => {
      const server = await LabServer.start();
      await use(server);
      await server.stop();
    },
    { scope: 'worker' }
  ],

  baseURL: async ({ server }, use) => use(server.url),

  // Galata's own helpers for contents come by token.
  request: async ({ playwright, server }, use) => {
    const context = await playwright.request.newContext({
      baseURL: `${server.url}/`,
      extraHTTPHeaders: { Authorization: `token ${server.token}` }
    });
    await use(context);
    await context.dispose();
  },

  emptyList: [
    async ({ request }, use) => {
      const list = async (): Promise<{ id: string }[]> =>
        (await (await request.get('jupyter-transfer/jobs')).json()).jobs;
      // The first time cancels what is live, the second removes it.
      for (let jobs = await list(); jobs.length; jobs = await list()) {
        await Promise.all(
          jobs.map(({ id }) => request.delete(`jupyter-transfer/jobs/${id}`))
        );
      }
      await use();
    },
    { auto: true }
  ],

  // The person comes by cookie.
  context: async ({ context, server }, use) => {
    await context.request.get(`${server.url}/lab?token=${server.token}`);
    await use(context);
  },

  panel: async ({ page }, use) => use(new TransfersPanel(page)),

  source: async ({}, use) => {
    const source = await Source.start();
    await use(source);
    await source.stop();
  },

  dav: async ({}, use) => {
    const dav = await Service.start('webdav');
    await use(dav);
    await dav.stop();
  },

  s3: async ({}, use) => {
    const s3 = await Service.start('s3');
    await use(s3);
    await s3.stop();
  },

  desk: async ({}, use) => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'transfer-desk-'));
    await use(folder);
    fs.rmSync(folder, { recursive: true, force: true });
  },

  shown: async ({ server, tmpPath }, use) =>
    use(path.join(server.root, tmpPath))
});

export { expect } from '@jupyterlab/galata';
