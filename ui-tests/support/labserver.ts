/**
 * A JupyterLab of our own: it can be killed and started again on the same
 * address, folders and token, as an administrator would.
 */

import { ChildProcess, spawn } from 'child_process';
import { randomBytes } from 'crypto';
import { once } from 'events';
import * as fs from 'fs';
import * as net from 'net';
import * as os from 'os';
import * as path from 'path';

const START_MS = 60_000;

const VENV = path.join(__dirname, '../../.venv/bin/jupyter-lab');

export class LabServer {
  readonly token = randomBytes(16).toString('hex');

  private constructor(
    readonly port: number,
    /** Holds everything of this server. */
    private _folder: string,
    private _environment: Record<string, string>
  ) {}

  /**
   * @param environment - Further variables, by the home folder of the account.
   */
  static async start(
    environment: (home: string) => Record<string, string> = () => ({})
  ): Promise<LabServer> {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'transfer-ui-'));
    fs.mkdirSync(path.join(folder, 'root'));
    const server = new LabServer(await freePort(), folder, environment(folder));
    await server.start();
    return server;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** The folder that the file browser shows. */
  get root(): string {
    return path.join(this._folder, 'root');
  }

  /** Its database of jobs. */
  get database(): string {
    const state = path.join(this._folder, 'state');
    const [found] = fs
      .readdirSync(state, { recursive: true })
      .map(String)
      .filter(name => path.basename(name) === 'transfers.sqlite');
    return path.join(state, found);
  }

  /** What the server has written to its log so far. */
  get log(): string {
    return fs.readFileSync(path.join(this._folder, 'log'), 'utf8');
  }

  /** Start it (again); it answers when this resolves. */
  async start(): Promise<void> {
    const log = fs.openSync(path.join(this._folder, 'log'), 'a');
    const config = path.join(__dirname, '../jupyter_server_test_config.py');
    const child = spawn(
      fs.existsSync(VENV) ? VENV : 'jupyter-lab',
      [`--config=${config}`, '--allow-root'],
      {
        cwd: this._folder,
        stdio: ['ignore', log, log],
        env: {
          ...process.env,
          HOME: this._folder,
          JUPYTER_CONFIG_DIR: path.join(this._folder, 'config'),
          JUPYTER_DATA_DIR: path.join(this._folder, 'data'),
          JUPYTER_RUNTIME_DIR: path.join(this._folder, 'runtime'),
          UI_TEST_FOLDER: this._folder,
          UI_TEST_PORT: String(this.port),
          UI_TEST_TOKEN: this.token,
          ...this._environment
        }
      }
    );
    fs.closeSync(log);
    this._child = child;
    const end = Date.now() + START_MS;
    while (!(await this._answers())) {
      if (child.exitCode !== null || Date.now() > end) {
        throw new Error(`JupyterLab did not start:\n${this.log}`);
      }
      await new Promise(resolve => setTimeout(resolve, 100));
    }
  }

  /** Kill it as the kernel does when memory runs out. */
  async kill(): Promise<void> {
    await this._end('SIGKILL');
  }

  /** Stop it without a word for so many milliseconds: its disk hangs. */
  async freeze(milliseconds: number): Promise<void> {
    this._child?.kill('SIGSTOP');
    await new Promise(resolve => setTimeout(resolve, milliseconds));
    this._child?.kill('SIGCONT');
  }

  /** End it and remove its folders. */
  async stop(): Promise<void> {
    await this._end('SIGTERM');
    fs.rmSync(this._folder, { recursive: true, force: true });
  }

  private async _end(signal: NodeJS.Signals): Promise<void> {
    const child = this._child;
    this._child = null;
    if (child && child.exitCode === null && child.signalCode === null) {
      const exit = once(child, 'exit');
      child.kill(signal);
      await exit;
    }
  }

  private async _answers(): Promise<boolean> {
    try {
      const response = await fetch(`${this.url}/api/status`, {
        headers: { Authorization: `token ${this.token}` }
      });
      return response.ok;
    } catch {
      return false;
    }
  }

  private _child: ChildProcess | null = null;
}

/** A port that nobody uses now. */
export async function freePort(): Promise<number> {
  const server = net.createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
