/**
 * A small tus server on loopback for the tests: the contract's part that the
 * uploader uses, plus hooks to misbehave. It can be killed and started again
 * on the same port with what it had.
 */
import { createHash } from 'crypto';
import * as http from 'http';
import type { AddressInfo, Socket } from 'net';
import { readTar } from './tar';

export interface IStored {
  id: string;
  length: number;
  data: Buffer;
  metadata: Record<string, string>;
  path: string | null;
  /** What became of the files of a pack. */
  packed: IPackedRow[];
  isPartial: boolean;
}

export interface IPackedRow {
  name: string;
  path: string;
  state: 'done' | 'failed' | 'skipped';
  error: { code: string; message: string } | null;
}

/** Called before a request is dealt with; returning true means: I answered. */
export type Fault = (
  verb: string,
  request: http.IncomingMessage,
  response: http.ServerResponse,
  upload: IStored | undefined
) => boolean | void;

const ROUTE = '/base/jupyter-transfer/tus/';
const DOWNLOADS = '/base/jupyter-transfer/download/';

export class TusServer {
  readonly uploads = new Map<string, IStored>();
  readonly files = new Map<string, Buffer>();
  readonly mtimes = new Map<string, number>();
  /** `VERB` of each request, preflights left out. */
  readonly log: string[] = [];
  /** Header lines of each request. */
  readonly requests: http.IncomingMessage[] = [];
  fault: Fault | null = null;
  /** Whether it knows packs. */
  packs = true;
  /** Folders that packs asked for. */
  readonly folders = new Set<string>();
  /** Names of members of packs that it refuses. */
  readonly refused = new Set<string>();
  /** Bytes of a PATCH after which the connection is cut, once. */
  cutAfter = 0;
  /** Whether the next body is spoilt on its way, once. */
  spoils = false;
  /** The most requests that were open at a time. */
  peak = 0;

  get baseUrl(): string {
    return `http://127.0.0.1:${this._port}/base/`;
  }

  /** The requests that are open: what they have brought may yet be published. */
  get open(): number {
    return this._open;
  }

  async start(): Promise<void> {
    const server = http.createServer((request, response) =>
      this._serve(request, response)
    );
    server.on('connection', socket => {
      this._sockets.add(socket);
      socket.on('close', () => this._sockets.delete(socket));
    });
    server.keepAliveTimeout = 1000;
    this._server = server;
    await new Promise<void>(resolve =>
      server.listen(this._port, '127.0.0.1', resolve)
    );
    this._port = (server.address() as AddressInfo).port;
  }

  /** End as a killed process does: every connection is reset. */
  async kill(): Promise<void> {
    const server = this._server;
    this._server = null;
    this._sockets.forEach(socket => socket.destroy());
    await new Promise(resolve => (server ? server.close(resolve) : resolve(0)));
  }

  count(verb: string): number {
    return this.log.filter(entry => entry === verb).length;
  }

  private _serve(
    request: http.IncomingMessage,
    response: http.ServerResponse
  ): void {
    response.setHeader('Access-Control-Allow-Origin', '*');
    response.setHeader(
      'Access-Control-Allow-Headers',
      request.headers['access-control-request-headers'] ?? '*'
    );
    response.setHeader(
      'Access-Control-Allow-Methods',
      'POST, HEAD, PATCH, DELETE'
    );
    response.setHeader(
      'Access-Control-Expose-Headers',
      'Location, Upload-Offset, Upload-Length, Tus-Resumable, Transfer-Path, Transfer-Files-Done, Transfer-Files-Failed, Transfer-Files-Skipped, Retry-After, Last-Modified, Content-Length'
    );
    if (request.method === 'OPTIONS') {
      response.writeHead(204).end();
      return;
    }
    this._open += 1;
    this.peak = Math.max(this.peak, this._open);
    response.on('close', () => (this._open -= 1));
    const url = request.url ?? '';
    const [id, query] = url.slice(ROUTE.length).split('/files?');
    const upload = this.uploads.get(id);
    const override = request.headers['x-http-method-override'];
    const verb = String(override ?? request.method);
    this.log.push(verb);
    this.requests.push(request);
    if (url.startsWith(DOWNLOADS)) {
      this._download(decodeURIComponent(url.slice(DOWNLOADS.length)), response);
      return;
    }
    if (this.fault?.(verb, request, response, upload)) {
      return;
    }
    response.setHeader('Tus-Resumable', '1.0.0');
    if (request.headers['tus-resumable'] !== '1.0.0') {
      fail(response, 412, 'version_mismatch');
    } else if (verb === 'POST') {
      this._create(request, response);
    } else if (!upload) {
      request.resume();
      fail(response, 404, 'not_found');
    } else if (query !== undefined) {
      const { searchParams } = new URL(url, this.baseUrl);
      const offset = Number(searchParams.get('offset'));
      const limit = Number(searchParams.get('limit'));
      // What is a plain success is only counted.
      const listed = upload.packed.filter(
        row => row.state !== 'done' || !row.path.endsWith(row.name)
      );
      const files = listed.slice(offset, offset + limit);
      response.removeHeader('Tus-Resumable');
      response
        .writeHead(200)
        .end(JSON.stringify({ files, total: listed.length }));
    } else if (verb === 'HEAD' || verb === 'GET') {
      response.setHeader('Upload-Length', upload.length);
      this._state(upload, response, 200);
    } else if (verb === 'DELETE') {
      this.uploads.delete(upload.id);
      response.writeHead(204).end();
    } else {
      this._patch(upload, request, response);
    }
  }

  private _download(path: string, response: http.ServerResponse): void {
    const file = this.files.get(path);
    if (!file) {
      response.writeHead(404).end();
      return;
    }
    response.setHeader('Content-Length', file.length);
    const mtime = this.mtimes.get(path) ?? 0;
    response.setHeader('Last-Modified', new Date(mtime).toUTCString());
    response.writeHead(200).end();
  }

  private _create(
    request: http.IncomingMessage,
    response: http.ServerResponse
  ): void {
    const metadata = decode(String(request.headers['upload-metadata'] ?? ''));
    const concat = String(request.headers['upload-concat'] ?? '');
    if (concat.startsWith('final;')) {
      this._join(concat.slice('final;'.length).split(' '), metadata, response);
      return;
    }
    const wanted = pathOf(metadata);
    if (metadata.pack && !this.packs) {
      request.resume();
      fail(response, 400, 'bad_request');
      return;
    }
    if (this.files.has(wanted) && /skip|fail/.test(metadata.conflict)) {
      request.resume();
      fail(response, 409, 'exists');
      return;
    }
    const id = `u${++this._created}`;
    const length = Number(request.headers['upload-length']);
    const data = Buffer.alloc(0);
    const isPartial = concat === 'partial';
    const fresh = { path: null, packed: [], isPartial };
    const upload: IStored = { id, length, data, metadata, ...fresh };
    this.uploads.set(id, upload);
    // A server behind proxies believes to have another name.
    response.setHeader('Location', `http://inner.example${ROUTE}${id}`);
    this._take(upload, request, response, 201);
  }

  /** Make one file of the partial uploads at `urls`; asked again, it is the same one. */
  private _join(
    urls: string[],
    metadata: Record<string, string>,
    response: http.ServerResponse
  ): void {
    const parts = urls.map(url => this.uploads.get(url.slice(ROUTE.length)));
    const assembly = parts[0]?.metadata.assembly ?? '';
    let start = 0;
    for (const part of parts) {
      const isNext = part && Number(part.metadata.start) === start;
      if (!isNext || part.metadata.assembly !== assembly) {
        fail(response, 400, 'bad_request');
        return;
      }
      start += part.data.length;
    }
    const data = Buffer.concat(parts.map(part => part?.data ?? Buffer.of()));
    const known = this.uploads.get(assembly);
    const upload = known ?? {
      id: assembly,
      length: start,
      data,
      metadata,
      path: null,
      packed: [],
      isPartial: false
    };
    this.uploads.set(assembly, upload);
    response.setHeader('Location', `http://inner.example${ROUTE}${assembly}`);
    this._state(upload, response, 201);
  }

  private _patch(
    upload: IStored,
    request: http.IncomingMessage,
    response: http.ServerResponse
  ): void {
    if (Number(request.headers['upload-offset']) !== upload.data.length) {
      request.resume();
      response.setHeader('Upload-Offset', upload.data.length);
      fail(response, 409, 'offset_mismatch');
      return;
    }
    if (request.headers['content-type'] !== 'application/offset+octet-stream') {
      fail(response, 415, 'unsupported_media_type');
      return;
    }
    this._take(upload, request, response, 204);
  }

  private _take(
    upload: IStored,
    request: http.IncomingMessage,
    response: http.ServerResponse,
    status: number
  ): void {
    const before = upload.data.length;
    request.on('data', (chunk: Buffer) => {
      if (
        this.cutAfter > 0 &&
        upload.data.length + chunk.length >= this.cutAfter
      ) {
        const keep = chunk.subarray(0, this.cutAfter - upload.data.length);
        append(upload, keep);
        this.cutAfter = 0;
        request.destroy();
        return;
      }
      append(upload, chunk);
    });
    request.on('end', () => {
      const stated = request.headers['upload-checksum'];
      const body = upload.data.subarray(before);
      if (this.spoils && body.length > 0) {
        this.spoils = false;
        body[0] ^= 1;
      }
      const sum = createHash('sha256').update(body).digest('base64');
      if (stated !== undefined && stated !== `sha256 ${sum}`) {
        upload.data = upload.data.subarray(0, before);
        fail(response, 460, 'digest_mismatch', true);
        return;
      }
      this._state(upload, response, status);
    });
  }

  private _state(
    upload: IStored,
    response: http.ServerResponse,
    status: number
  ): void {
    if (upload.metadata.pack) {
      this._unpack(upload, response);
    }
    const isWhole = upload.data.length === upload.length && !upload.isPartial;
    if (isWhole && upload.path === null) {
      upload.path = upload.metadata.pack
        ? upload.metadata.path
        : this._publish(upload.metadata, upload.data);
    }
    if (upload.path !== null) {
      response.setHeader('Transfer-Path', encodeURIComponent(upload.path));
    }
    response.setHeader('Upload-Offset', upload.data.length);
    response.writeHead(status).end();
  }

  /** Publish the files of a pack that are complete. */
  private _unpack(upload: IStored, response: http.ServerResponse): void {
    const { path, conflict } = upload.metadata;
    const members = readTar(upload.data);
    const fresh = members.slice(upload.packed.length);
    for (const { name, isFolder, data, mtime } of fresh) {
      const wanted = [path, name].filter(Boolean).join('/');
      const row: IPackedRow = {
        name,
        path: wanted,
        state: 'done',
        error: null
      };
      if (this.refused.has(name)) {
        row.state = 'failed';
        row.error = { code: 'invalid_path', message: 'No.' };
      } else if (isFolder) {
        this.folders.add(wanted.replace(/\/$/, ''));
      } else if (this.files.has(wanted) && conflict === 'skip') {
        row.state = 'skipped';
      } else {
        const metadata = { path, conflict, filename: name, mtime };
        row.path = this._publish(metadata, data);
      }
      upload.packed.push(row);
    }
    for (const state of ['Done', 'Failed', 'Skipped']) {
      const count = upload.packed.filter(
        row => row.state === state.toLowerCase()
      ).length;
      response.setHeader(`Transfer-Files-${state}`, count);
    }
  }

  private _publish(metadata: Record<string, string>, data: Buffer): string {
    const wanted = pathOf(metadata);
    let path = wanted;
    for (let n = 1; this.files.has(path); n++) {
      path = metadata.conflict === 'overwrite' ? path : `${wanted} (${n})`;
      if (path === wanted) {
        break;
      }
    }
    this.files.set(path, data);
    this.mtimes.set(path, Number(metadata.mtime));
    return path;
  }

  private _server: http.Server | null = null;
  private _sockets = new Set<Socket>();
  private _port = 0;
  private _created = 0;
  private _open = 0;
}

/** Put `chunk` behind the data, in room that is made once: files may be large. */
function append(upload: IStored, chunk: Buffer): void {
  const { length, data } = upload;
  const end = data.length + chunk.length;
  const room = Math.max(length, end);
  const isMade = data.byteOffset === 0 && data.buffer.byteLength >= room;
  const store = isMade ? Buffer.from(data.buffer) : Buffer.alloc(room);
  if (!isMade) {
    data.copy(store);
  }
  chunk.copy(store, data.length);
  upload.data = store.subarray(0, end);
}

/** Answer with the contract's JSON error. */
export function fail(
  response: http.ServerResponse,
  status: number,
  code: string,
  retryable = false
): void {
  const error = {
    code,
    message: `${code}.`,
    remedy: 'Act.',
    retryable,
    detail: {}
  };
  response.setHeader('Content-Type', 'application/json');
  response.writeHead(status).end(JSON.stringify({ error }));
}

function pathOf(metadata: Record<string, string>): string {
  return [metadata.path, metadata.filename].filter(Boolean).join('/');
}

function decode(header: string): Record<string, string> {
  const metadata: Record<string, string> = {};
  for (const pair of header.split(',')) {
    const [key, value = ''] = pair.trim().split(' ');
    metadata[key] = Buffer.from(value, 'base64').toString('utf8');
  }
  return metadata;
}
