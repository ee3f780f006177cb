/**
 * A WebDAV server to send to, on a folder of this machine: rclone's.
 */

import { ChildProcess, spawn } from 'child_process';
import { once } from 'events';
import * as fs from 'fs';
import * as os from 'os';
import * as path from 'path';
import { freePort } from './labserver';

const RCLONE = path.join(__dirname, '../../.venv/bin/rclone');

const START_MS = 20_000;

export class WebDav {
  private constructor(
    /** What it serves. */
    readonly folder: string,
    readonly url: string,
    private _child: ChildProcess
  ) {}

  static async start(): Promise<WebDav> {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'transfer-dav-'));
    const address = `127.0.0.1:${await freePort()}`;
    const child = spawn(
      fs.existsSync(RCLONE) ? RCLONE : 'rclone',
      ['serve', 'webdav', folder, '--addr', address, '--config', ''],
      { stdio: 'ignore' }
    );
    const server = new WebDav(folder, `http://${address}/`, child);
    const end = Date.now() + START_MS;
    while (!(await server._answers())) {
      if (child.exitCode !== null || Date.now() > end) {
        throw new Error('rclone does not serve WebDAV');
      }
      await new Promise(resolve => setTimeout(resolve, 50));
    }
    return server;
  }

  async stop(): Promise<void> {
    if (this._child.exitCode === null) {
      const exit = once(this._child, 'exit');
      this._child.kill();
      await exit;
    }
    fs.rmSync(this.folder, { recursive: true, force: true });
  }

  private async _answers(): Promise<boolean> {
    try {
      return (await fetch(this.url)).ok;
    } catch {
      return false;
    }
  }
}
