import type { IHttpResponse } from './transport';
import type { ITransferErrorData } from './tokens';

/**
 * What the uploader does by itself after a failure.
 *
 * - `forever`: the way to the server is broken; try until it works again.
 * - `limited`: the server is in trouble; try a few times.
 * - `none`: trying the same again cannot help.
 */
export type Recovery = 'forever' | 'limited' | 'none';

/** Whether a failure concerns one file or makes all others fail too. */
export type Scope = 'file' | 'batch';

export interface IUploadErrorOptions {
  readonly code: string;
  readonly message: string;
  readonly remedy: string;
  readonly recovery?: Recovery;
  readonly scope?: Scope;
  /** Whether a person may try again by hand; the default is yes unless nothing can change. */
  readonly retryable?: boolean;
  readonly detail?: Readonly<Record<string, unknown>>;
  /** Milliseconds that the server asked us to wait. */
  readonly retryAfter?: number;
  /** The HTTP status; 0 when there was no answer. */
  readonly status?: number;
  /** Whether a tus server answered, not something in between. */
  readonly fromTus?: boolean;
  /** The offset that the answer states. */
  readonly offset?: number | null;
}

/** A failed request or file: the data of the contract, and how to recover. */
export class UploadError extends Error implements ITransferErrorData {
  constructor(options: IUploadErrorOptions) {
    super(options.message);
    this.name = 'UploadError';
    this.code = options.code;
    this.remedy = options.remedy;
    this.recovery = options.recovery ?? 'none';
    this.scope = options.scope ?? 'file';
    this.retryable = options.retryable ?? true;
    this.detail = options.detail ?? {};
    this.retryAfter = options.retryAfter ?? 0;
    this.status = options.status ?? 0;
    this.fromTus = options.fromTus ?? false;
    this.offset = options.offset ?? null;
  }

  readonly code: string;
  readonly remedy: string;
  readonly recovery: Recovery;
  readonly scope: Scope;
  readonly retryable: boolean;
  readonly detail: Readonly<Record<string, unknown>>;
  readonly retryAfter: number;
  readonly status: number;
  readonly fromTus: boolean;
  readonly offset: number | null;

  /** The error of one file, as the server's JSON tells it. */
  static from(data: Partial<ITransferErrorData> | null): UploadError {
    return new UploadError({
      code: data?.code ?? 'internal',
      message: data?.message ?? '',
      remedy: data?.remedy ?? '',
      retryable: data?.retryable === true,
      detail: data?.detail
    });
  }

  /** The plain data, without the stack. */
  toData(): ITransferErrorData {
    const { code, message, remedy, retryable, detail } = this;
    return { code, message, remedy, retryable, detail };
  }
}

/** Failures that the browser notices without an answer of the server. */
export const clientErrors = {
  network: () =>
    new UploadError({
      code: 'connection_lost',
      message: 'The connection to the server was lost.',
      remedy: 'It goes on by itself from where it stopped.',
      recovery: 'forever'
    }),
  offline: () =>
    new UploadError({
      code: 'offline',
      message: 'This computer is offline.',
      remedy: 'It goes on by itself when the network is back.',
      recovery: 'forever'
    }),
  stalled: () =>
    new UploadError({
      code: 'timeout',
      message: 'The server did not take any bytes for a while.',
      remedy: 'It goes on by itself from where it stopped.',
      recovery: 'forever'
    }),
  sourceChanged: (paths: readonly string[]) =>
    new UploadError({
      code: 'source_changed',
      message: `“${paths[0]}” was changed, moved or removed on this computer since it was chosen.`,
      remedy: 'Choose the file again.',
      retryable: false,
      detail: { paths }
    }),
  pieceRefused: () =>
    new UploadError({
      code: 'proxy_refused',
      message: 'A proxy before the server refuses even the smallest requests.',
      remedy: 'Ask the administrator to raise the request size limit.',
      status: 413
    }),
  protocol: (what: string) =>
    new UploadError({
      code: 'protocol',
      message: `The server gave an answer that makes no sense: ${what}.`,
      remedy: 'Try again; if it stays, report it to the administrator.',
      recovery: 'limited'
    }),
  signedOut: (status: number) =>
    new UploadError({
      code: 'session_expired',
      message: 'The server no longer accepts the sign-in of this page.',
      remedy: 'Sign in again in another tab, then retry.',
      scope: 'batch',
      status
    }),
  cancelled: () =>
    new UploadError({
      code: 'cancelled',
      message: 'The upload was cancelled.',
      remedy: 'Start it again if you need it.'
    })
};

/** Codes after which the other files of the batch would meet the same wall. */
const BATCH_CODES = new Set([
  'disabled',
  'disk_full',
  'forbidden',
  'not_local',
  'version_mismatch'
]);

/** Codes that the name of a file decides: the same file cannot fare better. */
const NAME_CODES = new Set(['hidden_path', 'invalid_path']);

/** Statuses by which gateways say that the server behind them is away for now. */
const GATEWAY_STATUSES = new Set([408, 423, 424, 425, 429, 502, 503, 504]);

/**
 * Make an error of an answer whose status is not a success.
 *
 * An answer without our JSON comes from something in between (a proxy, a login
 * page, JupyterHub) and is judged by its status alone.
 */
export function errorFromResponse(response: IHttpResponse): UploadError {
  const { status } = response;
  const data = parseError(response.text);
  const facts = {
    status,
    retryAfter: parseRetryAfter(response.header('Retry-After')),
    fromTus: response.header('Tus-Resumable') !== null,
    offset: parseOffset(response.header('Upload-Offset'))
  };
  if (status === 401 || (status === 403 && isSignIn(data))) {
    return clientErrors.signedOut(status);
  }
  if (data) {
    const stated = data.detail['offset'];
    return new UploadError({
      ...data,
      recovery: recoveryOf(status, data.retryable),
      // A person may have freed space or been given the right meanwhile.
      retryable: data.retryable || !NAME_CODES.has(data.code),
      scope: BATCH_CODES.has(data.code) ? 'batch' : 'file',
      ...facts,
      offset: facts.offset ?? (typeof stated === 'number' ? stated : null)
    });
  }
  if (GATEWAY_STATUSES.has(status)) {
    return new UploadError({
      code: 'server_unavailable',
      message: `The server cannot be reached at the moment (${status}).`,
      remedy: 'It goes on by itself from where it stopped.',
      recovery: 'forever',
      ...facts
    });
  }
  if (status === 507) {
    return new UploadError({
      code: 'disk_full',
      message: 'The disk of the server is full.',
      remedy: 'Free space on the server or choose another folder.',
      scope: 'batch',
      ...facts
    });
  }
  return new UploadError({
    code: status === 404 ? 'not_found' : 'refused',
    message: `The server refused the request (${status}).`,
    remedy: 'Try again; if it stays, ask the administrator of this server.',
    // A hub answers 404 while it starts a server again.
    recovery: status >= 500 || status === 404 ? 'limited' : 'none',
    ...facts
  });
}

/** Parse Upload-Offset: a non-negative integer, else null. */
export function parseOffset(value: string | null): number | null {
  return value !== null && /^\d{1,15}$/.test(value) ? Number(value) : null;
}

/** Parse Retry-After (seconds or an HTTP date, RFC 9110 section 10.2.3) to milliseconds. */
export function parseRetryAfter(value: string | null): number {
  if (!value) {
    return 0;
  }
  const wait = /^\s*\d+\s*$/.test(value)
    ? Number(value) * 1000
    : Date.parse(value) - Date.now();
  // An hour at most: a clock that is wrong must not stop an upload for a year.
  return Number.isFinite(wait) ? Math.min(Math.max(wait, 0), 3_600_000) : 0;
}

function recoveryOf(status: number, retryable: boolean): Recovery {
  if (GATEWAY_STATUSES.has(status)) {
    return 'forever';
  }
  return retryable ? 'limited' : 'none';
}

function isSignIn(data: ITransferErrorData | null): boolean {
  return data === null || /xsrf/i.test(data.message);
}

function parseError(text: string): ITransferErrorData | null {
  try {
    const { error } = JSON.parse(text) as { error?: any };
    if (typeof error?.code !== 'string') {
      return null;
    }
    return {
      code: error.code,
      message: String(error.message ?? ''),
      remedy: String(error.remedy ?? ''),
      retryable: error.retryable === true,
      detail: error.detail ?? {}
    };
  } catch {
    return null;
  }
}
