/**
 * Services to send to, on a folder of this machine: those of rclone.
 */

import { ChildProcess, spawn } from 'child_process';
import { once } from 'events';
import * as fs from 'fs';
import * as os from 'os';
import * as path from 'path';
import { freePort } from './labserver';

const RCLONE = path.join(__dirname, '../../.venv/bin/rclone');

const START_MS = 20_000;

/** What the S3 service asks for. */
export const KEYS = { id: 'some-key', secret: 'hush-4711' };

export class Service {
  private constructor(
    /** What it serves. */
    readonly folder: string,
    readonly url: string,
    private _child: ChildProcess
  ) {}

  static async start(kind: 'webdav' | 's3'): Promise<Service> {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'transfer-service-'));
    const address = `127.0.0.1:${await freePort()}`;
    const child = spawn(
      fs.existsSync(RCLONE) ? RCLONE : 'rclone',
      [
        ...['serve', kind, folder, '--addr', address, '--config', ''],
        ...(kind === 's3' ? ['--auth-key', `${KEYS.id},${KEYS.secret}`] : [])
      ],
      { stdio: 'ignore' }
    );
    const server = new Service(folder, `http://${address}/`, child);
    const end = Date.now() + START_MS;
    while (!(await server._answers())) {
      if (child.exitCode !== null || Date.now() > end) {
        throw new Error(`rclone does not serve ${kind}`);
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
      await fetch(this.url);
      return true;
    } catch {
      return false;
    }
  }
}
