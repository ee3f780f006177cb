/**
 * What stands between browsers and Jupyter servers in the wild: real programs
 * on loopback, ended by their own process.
 */

import { ChildProcess, spawn } from 'child_process';
import { once } from 'events';
import * as fs from 'fs';
import * as http from 'http';
import * as net from 'net';
import * as os from 'os';
import * as path from 'path';
import { freePort } from './labserver';

const START_MS = 20_000;

/** A request as a proxy saw it. */
export interface IPassed {
  readonly method: string;
  readonly status: number;
  /** Bytes of the request's body as announced. */
  readonly bytes: number;
}

/** Something that passes requests on to a server. */
export interface IProxy {
  readonly url: string;
  /** The requests for uploads that it has answered, oldest first. */
  passed(): IPassed[];
  stop(): Promise<void>;
}

/** A proxy that is a program of its own. */
abstract class ProxyProcess implements IProxy {
  protected constructor(
    readonly port: number,
    protected folder: string
  ) {}

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  abstract passed(): IPassed[];

  async stop(): Promise<void> {
    const child = this._child;
    if (child && child.exitCode === null && child.signalCode === null) {
      const exit = once(child, 'exit');
      child.kill('SIGKILL');
      await exit;
    }
    fs.rmSync(this.folder, { recursive: true, force: true });
  }

  protected async run(command: string, args: string[]): Promise<void> {
    const log = fs.openSync(path.join(this.folder, 'output'), 'a');
    const env = { ...process.env, CONFIGPROXY_AUTH_TOKEN: 'unused' };
    const child = spawn(command, args, { stdio: ['ignore', log, log], env });
    fs.closeSync(log);
    this._child = child;
    const end = Date.now() + START_MS;
    while (!(await isListening(this.port))) {
      if (child.exitCode !== null || Date.now() > end) {
        const output = fs.readFileSync(path.join(this.folder, 'output'));
        throw new Error(`${command} did not start:\n${output}`);
      }
      await new Promise(resolve => setTimeout(resolve, 50));
    }
  }

  private _child: ChildProcess | null = null;
}

/** nginx; `settings` are directives of its server, with none it is as it comes. */
export class Nginx extends ProxyProcess {
  static async start(target: string, settings = ''): Promise<Nginx> {
    const folder = makeFolder();
    const proxy = new Nginx(await freePort(), folder);
    const file = path.join(folder, 'nginx.conf');
    fs.writeFileSync(file, nginxConfig(folder, proxy.port, target, settings));
    const sbin = '/usr/sbin/nginx';
    await proxy.run(fs.existsSync(sbin) ? sbin : 'nginx', [
      ...['-p', folder],
      ...['-c', file],
      ...['-e', path.join(folder, 'error.log')]
    ]);
    return proxy;
  }

  passed(): IPassed[] {
    const log = fs.readFileSync(path.join(this.folder, 'access.log'), 'utf8');
    return log
      .split('\n')
      .map(line => line.split(' '))
      .filter(words => words[3]?.includes('/jupyter-transfer/tus/'))
      .map(([method, status, bytes]) => ({
        method,
        status: Number(status),
        bytes: Number(bytes) || 0
      }));
  }
}

/** What JupyterHub puts before its servers. */
export class ConfigurableHttpProxy extends ProxyProcess {
  static async start(target: string): Promise<ConfigurableHttpProxy> {
    const proxy = new ConfigurableHttpProxy(await freePort(), makeFolder());
    const script = path.join(
      __dirname,
      '../node_modules/configurable-http-proxy/bin/configurable-http-proxy'
    );
    await proxy.run(process.execPath, [
      script,
      ...['--ip', '127.0.0.1', '--port', String(proxy.port)],
      ...['--api-ip', '127.0.0.1', '--api-port', String(await freePort())],
      ...['--default-target', target]
    ]);
    return proxy;
  }

  passed(): IPassed[] {
    return []; // it keeps no log of requests
  }
}

/** What a proxy does wrong. */
export interface IVices {
  /** Methods that it answers with 405. */
  readonly refuses?: readonly string[];
  /** Bodies of uploads in which it changes a bit before it behaves. */
  readonly flips?: number;
}

/** A proxy that does its work badly. */
export class BadProxy implements IProxy {
  private constructor(
    private _server: http.Server,
    private _target: URL,
    vices: IVices
  ) {
    this._refused = vices.refuses ?? [];
    this._flips = vices.flips ?? 0;
    _server.on('request', (request, response) =>
      this._answer(request, response)
    );
    _server.on('upgrade', (request, socket, head) =>
      this._upgrade(request, socket as net.Socket, head)
    );
  }

  static async start(target: string, vices: IVices): Promise<BadProxy> {
    const server = http.createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new BadProxy(server, new URL(target), vices);
  }

  get url(): string {
    const { port } = this._server.address() as net.AddressInfo;
    return `http://127.0.0.1:${port}`;
  }

  passed(): IPassed[] {
    return this._passed;
  }

  /** Cut all connections, as a proxy does that is started anew. */
  cut(): void {
    this._server.closeAllConnections();
  }

  async stop(): Promise<void> {
    const closed = once(this._server, 'close');
    this._server.close();
    this._server.closeAllConnections();
    this._tunnels.forEach(socket => socket.destroy());
    await closed;
  }

  private _answer(
    request: http.IncomingMessage,
    response: http.ServerResponse
  ): void {
    const { method = '', url = '', headers } = request;
    const isUpload = url.includes('/jupyter-transfer/tus/');
    const bytes = Number(headers['content-length'] ?? 0);
    response.on('close', () => {
      if (isUpload) {
        this._passed.push({ method, status: response.statusCode, bytes });
      }
    });
    if (this._refused.includes(method)) {
      response.writeHead(405, { Allow: 'GET, POST' }).end();
      request.resume();
      return;
    }
    const { hostname, port } = this._target;
    const onward = http.request({ hostname, port, method, path: url, headers });
    onward.on('response', answer => {
      response.writeHead(answer.statusCode ?? 502, answer.rawHeaders);
      answer.pipe(response);
    });
    onward.on('error', () => response.destroy());
    request.on('error', () => onward.destroy());
    request.on('close', () => request.complete || onward.destroy());
    if (isUpload && bytes > 0 && this._flips > 0) {
      this._flips -= 1;
      request.once('data', (first: Buffer) => (first[0] ^= 1));
    }
    request.pipe(onward);
  }

  private _upgrade(
    request: http.IncomingMessage,
    socket: net.Socket,
    head: Buffer
  ): void {
    const onward = net.connect(Number(this._target.port), '127.0.0.1');
    const lines = [`${request.method} ${request.url} HTTP/1.1`];
    for (let i = 0; i < request.rawHeaders.length; i += 2) {
      lines.push(`${request.rawHeaders[i]}: ${request.rawHeaders[i + 1]}`);
    }
    onward.write(lines.join('\r\n') + '\r\n\r\n');
    onward.write(head);
    onward.pipe(socket).pipe(onward);
    for (const end of [onward, socket]) {
      this._tunnels.add(end);
      end.on('error', () => undefined);
      end.on('close', () => {
        onward.destroy();
        socket.destroy();
        this._tunnels.delete(end);
      });
    }
  }

  private _refused: readonly string[];
  private _flips: number;
  private _passed: IPassed[] = [];
  private _tunnels = new Set<net.Socket>();
}

function makeFolder(): string {
  return fs.mkdtempSync(path.join(os.tmpdir(), 'transfer-proxy-'));
}

function isListening(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const socket = net.connect(port, '127.0.0.1');
    socket.on('connect', () => resolve(true)).on('error', () => resolve(false));
    socket.on('connect', () => socket.destroy());
  });
}

function nginxConfig(
  folder: string,
  port: number,
  target: string,
  settings: string
): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  return `
daemon off;
master_process off;
pid ${folder}/nginx.pid;
events { worker_connections 256; }
http {
  log_format requests '$request_method $status $content_length $uri';
  access_log ${folder}/access.log requests;
  ${temporary.map(name => `${name}_temp_path ${folder}/${name};`).join('\n  ')}
  map $http_upgrade $connection_upgrade { default upgrade; '' close; }
  server {
    listen 127.0.0.1:${port};
    ${settings}
    location / {
      proxy_pass ${target};
      proxy_http_version 1.1;
      proxy_set_header Host $http_host;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $connection_upgrade;
    }
  }
}
`;
}
