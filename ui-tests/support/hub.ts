/**
 * A hub like Hugging Face's on this machine, with one private repository; see
 * hub_server.py.
 */

import { ChildProcess, spawn } from 'child_process';
import { once } from 'events';
import * as fs from 'fs';
import * as path from 'path';

const PYTHON = path.join(__dirname, '../../.venv/bin/python');

/** Of a member of the repository (tests/servers/huggingface.py). */
export const TOKEN = 'hf_aTokenOfTheTests0123456789';

export class Hub {
  private constructor(
    readonly url: string,
    private _child: ChildProcess
  ) {}

  static async start(): Promise<Hub> {
    const child = spawn(
      fs.existsSync(PYTHON) ? PYTHON : 'python3',
      [path.join(__dirname, 'hub_server.py')],
      { stdio: ['pipe', 'pipe', 'inherit'] }
    );
    const [data] = await once(child.stdout!, 'data');
    return new Hub(String(data).trim(), child);
  }

  /** The page that people look at. */
  get page(): string {
    return `${this.url}/acme/tiny-owl/tree/main`;
  }

  async stop(): Promise<void> {
    const exit = once(this._child, 'exit');
    this._child.stdin!.end();
    await exit;
  }
}
