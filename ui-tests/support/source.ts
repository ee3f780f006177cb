/**
 * A web server that keeps the rules (ranges, ETag, If-Range) and can be slow on
 * purpose, so that a test can act while bytes are moving.
 */

import { createHash } from 'crypto';
import { once } from 'events';
import * as http from 'http';
import type { AddressInfo } from 'net';

const PIECE = 64 * 1024;
const TICK_MS = 20;

export class Source {
  private constructor(private _server: http.Server) {
    _server.on('request', (request, response) => {
      void this._answer(request, response);
    });
  }

  static async start(): Promise<Source> {
    const server = http.createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new Source(server);
  }

  /** Bytes a second for each connection; null is as fast as it can. */
  rate: number | null = null;

  /** Whether answers state the digest of the file (RFC 9530). */
  digests = false;

  /** The bearer token that is asked for; null lets everybody in. */
  token: string | null = null;

  /** Body bytes written so far, all requests together. */
  sent = 0;

  /** First bytes that were asked for, one for each answer with a body. */
  readonly offsets: number[] = [];

  /** Serve `body` under `name` and return its address. */
  add(name: string, body: Buffer): string {
    this._files.set(`/${encodeURIComponent(name)}`, body);
    const { port } = this._server.address() as AddressInfo;
    return `http://127.0.0.1:${port}/${encodeURIComponent(name)}`;
  }

  async stop(): Promise<void> {
    this._server.closeAllConnections();
    this._server.close();
    await once(this._server, 'close');
  }

  private async _answer(
    request: http.IncomingMessage,
    response: http.ServerResponse
  ): Promise<void> {
    const body = this._files.get(request.url ?? '');
    if (!body) {
      response.writeHead(404).end();
      return;
    }
    const { authorization } = request.headers;
    if (this.token !== null && authorization !== `Bearer ${this.token}`) {
      response.writeHead(401, { 'Content-Length': 0 }).end();
      return;
    }
    const digest = createHash('sha256').update(body).digest('base64');
    const etag = `"${digest}"`;
    const condition = request.headers['if-range'];
    const wanted =
      condition === undefined || condition === etag
        ? /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '')
        : null;
    const first = wanted ? Number(wanted[1]) : 0;
    const last = Math.min(
      wanted && wanted[2] ? Number(wanted[2]) : Infinity,
      body.length - 1
    );
    if (wanted && first >= body.length) {
      response
        .writeHead(416, { 'Content-Range': `bytes */${body.length}` })
        .end();
      return;
    }
    response.writeHead(wanted ? 206 : 200, {
      'Accept-Ranges': 'bytes',
      'Content-Length': last - first + 1,
      'Content-Type': 'application/octet-stream',
      ETag: etag,
      ...(this.digests && { 'Repr-Digest': `sha-256=:${digest}:` }),
      ...(wanted && {
        'Content-Range': `bytes ${first}-${last}/${body.length}`
      })
    });
    if (request.method === 'HEAD') {
      response.end();
      return;
    }
    this.offsets.push(first);
    await this._send(response, body.subarray(first, last + 1));
  }

  private async _send(
    response: http.ServerResponse,
    bytes: Buffer
  ): Promise<void> {
    let at = 0;
    let allowance = 0;
    while (at < bytes.length && !response.destroyed) {
      if (this.rate === null) {
        allowance = PIECE;
      } else {
        await new Promise(resolve => setTimeout(resolve, TICK_MS));
        allowance = Math.min(PIECE, (this.rate * TICK_MS) / 1000);
      }
      const piece = bytes.subarray(at, at + Math.ceil(allowance));
      at += piece.length;
      this.sent += piece.length;
      if (!response.write(piece)) {
        await roomIn(response);
      }
    }
    response.end();
  }

  private _files = new Map<string, Buffer>();
}

/** Resolves when more may be written, or nobody listens any more. */
function roomIn(response: http.ServerResponse): Promise<void> {
  return new Promise(resolve => {
    const done = () => {
      response.off('drain', done).off('close', done);
      resolve();
    };
    response.on('drain', done).on('close', done);
  });
}
