import { URLExt } from '@jupyterlab/coreutils';
import type { ServerConnection } from '@jupyterlab/services';
import { clientErrors, errorFromResponse } from './errors';
import type { IHttpResponse, ITransport } from './transport';
import type { IPackedFile, ITusState } from './tusanswer';
import {
  isGone,
  readFiles,
  readOffset,
  readPath,
  readSettled,
  readState
} from './tusanswer';
import type { Wayfinding } from './wayfinding';

/** Below the base URL; the contract of the server. */
const ROUTE = 'jupyter-transfer/tus/';
const DOWNLOAD_ROUTE = 'jupyter-transfer/download/';

/** Files asked for at once. */
const PAGE = 1000;

const VERSION = '1.0.0';
const BODY_TYPE = 'application/offset+octet-stream';

/** What a request may carry besides its verb. */
export interface ITusRequestOptions {
  readonly signal?: AbortSignal;
  readonly deadline?: number;
  readonly onSent?: (bytes: number) => void;
  /** `Upload-Checksum` of the body (extension checksum). */
  readonly checksum?: string | null;
}

export interface ITusCreateOptions extends ITusRequestOptions {
  readonly isPartial?: boolean;
}

/**
 * The verbs of tus 1.0 (https://tus.io/protocols/resumable-upload), one method
 * each; it remembers nothing of an upload.
 *
 * Where a proxy blocks PATCH, HEAD or DELETE, the verb travels as POST with
 * X-HTTP-Method-Override from then on; where not even that helps, GET stands
 * for HEAD.
 */
export class TusClient {
  constructor(
    settings: ServerConnection.ISettings,
    transport: ITransport,
    private _wayfinding: Wayfinding
  ) {
    this._root = URLExt.join(settings.baseUrl, ROUTE);
    this._downloads = URLExt.join(settings.baseUrl, DOWNLOAD_ROUTE);
    this._transport = transport;
  }

  /**
   * Create an upload of `length` bytes; with `body`, its first bytes travel in
   * the same request (extension creation-with-upload). A partial one is to
   * become a part of another (extension concatenation).
   */
  async create(
    metadata: Readonly<Record<string, string>>,
    length: number,
    body?: Blob,
    options: ITusCreateOptions = {}
  ): Promise<ITusState> {
    const { isPartial, ...request } = options;
    const response = await this._send('POST', this._root, body, request, {
      'Upload-Length': String(length),
      'Upload-Metadata': encodeMetadata(metadata),
      ...(isPartial ? { 'Upload-Concat': 'partial' } : {})
    });
    return this._created(response, length);
  }

  /** Make one upload of `length` bytes of partial ones that are whole, in that order. */
  async concatenate(
    urls: readonly string[],
    metadata: Readonly<Record<string, string>>,
    length: number,
    options: ITusRequestOptions = {}
  ): Promise<ITusState> {
    // Addresses without a host: which one the server believes in is unknown.
    const paths = urls.map(url => new URL(url, document.baseURI).pathname);
    const response = await this._send('POST', this._root, undefined, options, {
      'Upload-Concat': `final;${paths.join(' ')}`,
      'Upload-Metadata': encodeMetadata(metadata)
    });
    return this._created(response, length);
  }

  private _created(response: IHttpResponse, length: number): ITusState {
    const location = response.header('Location');
    if (response.status !== 201 || !location) {
      throw clientErrors.protocol('an upload was created without an address');
    }
    // Without Upload-Offset the server took none of the body.
    const hasOffset = response.header('Upload-Offset') !== null;
    return {
      url: this._resolve(location),
      offset: hasOffset ? readOffset(response, length) : 0,
      path: readPath(response),
      filesSettled: readSettled(response)
    };
  }

  /** Ask how many of `length` bytes the server has. */
  async head(
    url: string,
    length: number,
    options: ITusRequestOptions = {}
  ): Promise<ITusState> {
    const response = await this._send('HEAD', url, undefined, options);
    return readState(url, response, length);
  }

  /** Send `body` to stand at `offset`. */
  async patch(
    url: string,
    offset: number,
    length: number,
    body: Blob,
    options: ITusRequestOptions = {}
  ): Promise<ITusState> {
    const response = await this._send('PATCH', url, body, options, {
      'Upload-Offset': String(offset)
    });
    return readState(url, response, length);
  }

  /** Files of a pack that failed, were skipped or got another name. */
  async files(url: string, signal?: AbortSignal): Promise<IPackedFile[]> {
    const files: IPackedFile[] = [];
    for (;;) {
      const page = `${url}/files?limit=${PAGE}&offset=${files.length}`;
      const response = await this._send('GET', page, undefined, { signal });
      const answer = readFiles(response.text);
      files.push(...answer.files);
      if (answer.files.length === 0 || files.length >= answer.total) {
        return files;
      }
    }
  }

  /** Let the server forget the upload. One that it does not know is as good as forgotten. */
  async terminate(url: string): Promise<void> {
    try {
      await this._send('DELETE', url, undefined, {});
    } catch (error) {
      if (!isGone(error)) {
        throw error;
      }
    }
  }

  /**
   * Whether a file of that size and modification time (milliseconds) stands at
   * `path` already: the answer to its upload may have been lost on the way.
   */
  async isDelivered(
    path: string,
    size: number,
    mtime: number,
    signal: AbortSignal
  ): Promise<boolean> {
    const response = await this._transport.send({
      method: 'HEAD',
      url: this._downloads + URLExt.encodeParts(path),
      headers: {},
      signal
    });
    const modified = Date.parse(response.header('Last-Modified') ?? '');
    return (
      response.status === 200 &&
      Number(response.header('Content-Length')) === size &&
      modified === Math.floor(mtime / 1000) * 1000
    );
  }

  private async _send(
    verb: string,
    url: string,
    body: Blob | undefined,
    options: ITusRequestOptions,
    headers: Record<string, string> = {}
  ): Promise<IHttpResponse> {
    const all: Record<string, string> = {
      'Tus-Resumable': VERSION,
      ...headers
    };
    const { checksum, ...rest } = options;
    if (body) {
      all['Content-Type'] = BODY_TYPE;
    }
    if (body && checksum) {
      all['Upload-Checksum'] = checksum;
    }
    const way = this._wayfinding.wayOf(verb);
    if (way === 'override') {
      all['X-HTTP-Method-Override'] = verb;
    }
    const method = { plain: verb, override: 'POST', get: 'GET' }[way];
    const request = { method, url, headers: all, body, ...rest };
    const response = await this._transport.send(request);
    const { status } = response;
    const isBlocked = status === 405 || status === 501;
    if (isBlocked && this._wayfinding.blocked(verb, way)) {
      return this._send(verb, url, body, options, headers);
    }
    if (status < 200 || status > 299) {
      throw errorFromResponse(response);
    }
    if (response.header('Tus-Resumable') === null && verb !== 'GET') {
      // Most likely a login page that a redirect led to. (What GET tells is no
      // tus; whether it makes sense is seen when it is read.)
      throw clientErrors.signedOut(status);
    }
    return response;
  }

  /**
   * The address of an upload below our own base URL, whatever scheme and host
   * a server behind proxies believes to have.
   */
  private _resolve(location: string): string {
    const base = new URL(this._root, document.baseURI);
    const url = new URL(location, base);
    const at = url.pathname.lastIndexOf(ROUTE);
    if (at < 0) {
      throw clientErrors.protocol('an upload lies at a foreign address');
    }
    return this._root + url.pathname.slice(at + ROUTE.length) + url.search;
  }

  private _root: string;
  private _downloads: string;
  private _transport: ITransport;
}

/** Upload-Metadata: a list of `key base64` pairs; an empty value is left out. */
export function encodeMetadata(
  metadata: Readonly<Record<string, string>>
): string {
  return Object.entries(metadata)
    .map(([key, value]) => (value ? `${key} ${toBase64(value)}` : key))
    .join(',');
}

function toBase64(text: string): string {
  let binary = '';
  for (const byte of new TextEncoder().encode(text)) {
    binary += String.fromCharCode(byte);
  }
  return btoa(binary);
}
