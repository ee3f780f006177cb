/**
 * A git server on this machine, with one repository; see git_server.py.
 */

import { ChildProcess, execFileSync, spawn } from 'child_process';
import { once } from 'events';
import * as fs from 'fs';
import * as os from 'os';
import * as path from 'path';

const PYTHON = path.join(__dirname, '../../.venv/bin/python');

export class GitServer {
  private constructor(
    /** Of its repository. */
    readonly url: string,
    private _folder: string,
    private _child: ChildProcess
  ) {}

  static async start(): Promise<GitServer> {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'transfer-git-'));
    const child = spawn(
      fs.existsSync(PYTHON) ? PYTHON : 'python3',
      [path.join(__dirname, 'git_server.py'), folder],
      { stdio: ['pipe', 'pipe', 'inherit'] }
    );
    const [data] = await once(child.stdout!, 'data');
    return new GitServer(String(data).trim(), folder, child);
  }

  /** What git prints about the repository. */
  git(...args: string[]): string {
    const cwd = path.join(this._folder, 'repos', 'field-data.git');
    return execFileSync('git', args, { cwd, encoding: 'utf8' }).trim();
  }

  async stop(): Promise<void> {
    const exit = once(this._child, 'exit');
    this._child.stdin!.end();
    await exit;
    fs.rmSync(this._folder, { recursive: true, force: true });
  }
}
