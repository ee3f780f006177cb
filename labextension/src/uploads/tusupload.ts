import { PathExt } from '@jupyterlab/coreutils';
import { clientErrors, UploadError } from './errors';
import type { PieceSizer } from './piecesizer';
import type { ITiming } from './timing';
import type { ConflictPolicy, IUploadItem } from './tokens';
import { checkStopped } from './transport';
import type { ITusRequestOptions, ITusState, TusClient } from './tusclient';
import { isGone } from './tusclient';

/** What an upload tells while it is under way. */
export interface IUploadListener {
  /** The server has `delta` bytes more (fewer if it lost some). */
  acknowledged(delta: number): void;
  /** `delta` more bytes left this computer. */
  sent(delta: number): void;
  /** All bytes left; the server checks and publishes the file. */
  checking(value: boolean): void;
}

/** What all uploads of a batch share. */
export interface IUploadContext {
  readonly client: TusClient;
  readonly sizer: PieceSizer;
  readonly timing: ITiming;
  readonly destination: string;
  readonly conflict: ConflictPolicy;
}

/** Codes of a 409 that is about the offset; others (`exists`) only state it in passing. */
const OFFSET_CODES = new Set(['offset_mismatch', 'conflict', 'refused']);

/** Answers in a row that bring no byte further, before we call it a failure. */
const MAX_DETOURS = 4;

/** A file on its way, over one connection or several. */
export interface IUpload {
  /** Whether the server may have a part of the file. */
  readonly isKnown: boolean;
  /**
   * Send what the server does not have. A failure ends it; calling it again
   * goes on.
   *
   * @param lanes - connections that may be used at a time.
   * @returns the final path (of a segment nothing), or null if the file was
   *   skipped.
   * @throws UploadError, or Stopped when `signal` ended it.
   */
  send(
    signal: AbortSignal,
    listener: IUploadListener,
    lanes: number
  ): Promise<string | null>;
  /** Let the server forget what it has of an unfinished file. */
  terminate(): Promise<void>;
}

/**
 * One file on its way: the walk through the protocol, from wherever the server
 * says it is. A failure ends `send`; calling it again goes on.
 *
 * The offset is the server's: after any failure it is asked anew, and an
 * answer that does not fit what was sent is not believed before a HEAD
 * confirms it.
 */
export class TusUpload implements IUpload {
  constructor(
    protected readonly item: IUploadItem,
    protected readonly context: IUploadContext
  ) {}

  get isKnown(): boolean {
    return this._url !== null;
  }

  async send(
    signal: AbortSignal,
    listener: IUploadListener
  ): Promise<string | null> {
    const { sizer } = this.context;
    let detours = 0;
    while (!this.isWhole) {
      checkStopped(signal);
      const before = this._offset;
      const size = sizer.size;
      try {
        await this._step(signal, listener);
      } catch (error) {
        if (this._isSkipped(error)) {
          return null;
        }
        if (!(await this._takeUp(error, listener))) {
          throw error;
        }
      } finally {
        listener.checking(false);
      }
      const isFurther = this._offset > before || sizer.size < size;
      detours = isFurther ? 0 : detours + 1;
      if (detours > MAX_DETOURS) {
        throw clientErrors.protocol('the upload does not come further');
      }
    }
    return this._path ?? '';
  }

  async terminate(): Promise<void> {
    const url = this._url;
    this._url = null;
    if (url !== null && this._path === null) {
      await this.context.client.terminate(url);
    }
  }

  /** Bytes that the server has, as far as it last said. */
  get offset(): number {
    return this._offset;
  }

  /** Where the server keeps it, once that is known. */
  get url(): string | null {
    return this._url;
  }

  /** Ask the server how far it is before anything else is believed. */
  doubt(): void {
    this._confirmed = false;
  }

  /** Whether the server said that it has all bytes. */
  protected get hasArrived(): boolean {
    return this._confirmed && this._offset === this.body.size;
  }

  /**
   * Whether nothing is left to do. The server names the path then: an offset at
   * the end alone does not tell that the file was published.
   */
  protected get isWhole(): boolean {
    return this._path !== null;
  }

  /** The bytes that go up. */
  protected get body(): Blob {
    return this.item.file;
  }

  /** Announce the upload, with its first bytes if they are given. */
  protected create(
    body: Blob | undefined,
    options: ITusRequestOptions
  ): Promise<ITusState> {
    const metadata = metadataOf(this.item, this.context);
    const { size } = this.item.file;
    return this.context.client.create(metadata, size, body, options);
  }

  /** One request: create, ask for the offset, or send a piece. */
  private async _step(
    signal: AbortSignal,
    listener: IUploadListener
  ): Promise<void> {
    const { client } = this.context;
    const { size } = this.body;
    if (this._url === null) {
      await this._create(signal, listener);
    } else if (!this._confirmed) {
      this._accept(await client.head(this._url, size, { signal }), listener);
    } else {
      await this._patch(this._url, signal, listener);
    }
  }

  private async _create(
    signal: AbortSignal,
    listener: IUploadListener
  ): Promise<void> {
    const { sizer, conflict } = this.context;
    const { size } = this.body;
    if (await this.wasDelivered(signal)) {
      this._path = this._wantedPath;
      this._moveTo(size, listener);
      return;
    }
    // A file that might be skipped is announced before its bytes are sent.
    const atOnce = size <= sizer.size && conflict !== 'skip';
    const body = atOnce && size > 0 ? this.body : undefined;
    const state = await this._timed(0, body, signal, listener, options =>
      this.create(body, options)
    );
    this._uncertain = false;
    this._url = state.url;
    this._accept(state, listener);
  }

  /**
   * Whether an earlier request that created and filled the upload in one went
   * well although its answer got lost. Sent again, the file would stand there
   * twice, or (policy `fail`) be refused because of itself.
   */
  protected async wasDelivered(signal: AbortSignal): Promise<boolean> {
    const { client, conflict } = this.context;
    const { size, lastModified } = this.item.file;
    if (!this._uncertain || conflict === 'overwrite') {
      return false;
    }
    return client.isDelivered(this._wantedPath, size, lastModified, signal);
  }

  private async _patch(
    url: string,
    signal: AbortSignal,
    listener: IUploadListener
  ): Promise<void> {
    const { client, sizer } = this.context;
    const { size } = this.body;
    const start = this._offset;
    // At the end of the file the piece is empty: it asks to publish once more.
    const body = this.body.slice(start, start + sizer.size);
    this._confirmed = false;
    const state = await this._timed(start, body, signal, listener, options =>
      client.patch(url, start, size, body, options)
    );
    // Else the loop asks by HEAD before it believes.
    if (state.offset === start + body.size && this.isPlausible(state)) {
      this._accept(state, listener);
    }
  }

  /** Send a request with a body and teach the sizer by how it went. */
  private async _timed(
    start: number,
    body: Blob | undefined,
    signal: AbortSignal,
    listener: IUploadListener,
    request: (options: {
      signal: AbortSignal;
      deadline: number;
      onSent: (bytes: number) => void;
    }) => Promise<ITusState>
  ): Promise<ITusState> {
    const { sizer, timing } = this.context;
    const bytes = body?.size ?? 0;
    const isLast = start + bytes === this.body.size;
    // The smallest request may take its time; and the last one waits for the
    // server to check the whole file.
    const deadline = bytes <= sizer.smallest || isLast ? 0 : timing.deadline;
    const begin = Date.now();
    let sent = 0;
    const onSent = (total: number) => {
      listener.sent(total - sent);
      sent = total;
      listener.checking(isLast && total >= bytes);
    };
    try {
      const state = await request({ signal, deadline, onSent });
      sizer.succeeded(bytes, Date.now() - begin);
      return state;
    } catch (error) {
      if (error instanceof UploadError) {
        this._learn(error, bytes, sent);
        // A clear refusal tells that nothing was published; silence does not.
        const isSilent = error.status === 0 || error.status >= 500;
        this._uncertain = this._uncertain || (isLast && isSilent);
      }
      throw error;
    }
  }

  /** Make requests smaller where their size may be the reason of a failure. */
  private _learn(error: UploadError, bytes: number, sent: number): void {
    const { sizer } = this.context;
    if (error.status === 413 && error.code === 'refused') {
      if (bytes <= sizer.smallest) {
        throw clientErrors.pieceRefused();
      }
      sizer.refused(bytes);
    } else if (error.status === 408 || (error.status === 0 && sent > 0)) {
      sizer.broke(bytes);
    }
  }

  /**
   * Deal with a failure that is a step of the protocol.
   *
   * @returns whether the walk goes on.
   */
  private async _takeUp(
    error: unknown,
    listener: IUploadListener
  ): Promise<boolean> {
    this._confirmed = false;
    if (!(error instanceof UploadError)) {
      return false;
    }
    if (isGone(error) && this._url !== null) {
      this._url = null;
      this._moveTo(0, listener);
      return true;
    }
    const isOffset = error.status === 409 && OFFSET_CODES.has(error.code);
    if (isOffset && error.offset !== null) {
      this._moveTo(error.offset, listener);
      this._confirmed = error.offset <= this.body.size;
      return this._confirmed;
    }
    if (error.status === 413 && error.code === 'refused') {
      return true;
    }
    if (error.status === 0 && !(await this._isReadable())) {
      // The browser reports a file it cannot read as a broken connection. Its
      // old bytes are of no use; if they cannot be deleted now, they expire.
      await this.terminate().catch(() => undefined);
      this._moveTo(0, listener);
      throw clientErrors.sourceChanged(this.item.relativePath);
    }
    return false;
  }

  private _isSkipped(error: unknown): boolean {
    return (
      this.context.conflict === 'skip' &&
      error instanceof UploadError &&
      error.code === 'exists'
    );
  }

  private _isReadable(): Promise<boolean> {
    const { body } = this;
    const at = Math.min(this._offset, Math.max(body.size - 1, 0));
    return new Promise(resolve => {
      const reader = new FileReader();
      reader.onload = () => resolve(true);
      reader.onerror = () => resolve(false);
      reader.readAsArrayBuffer(body.slice(at, at + 1));
    });
  }

  /** Whether an answer can be believed without asking again. */
  protected isPlausible(state: ITusState): boolean {
    return state.offset < this.body.size || state.path !== null;
  }

  private _accept(state: ITusState, listener: IUploadListener): void {
    this._path = state.path;
    this._confirmed = true;
    this._moveTo(state.offset, listener);
  }

  private _moveTo(offset: number, listener: IUploadListener): void {
    const delta = offset - this._offset;
    this._offset = offset;
    if (delta !== 0) {
      listener.acknowledged(delta);
    }
  }

  private get _wantedPath(): string {
    return PathExt.join(this.context.destination, this.item.relativePath);
  }

  private _url: string | null = null;
  private _path: string | null = null;
  private _offset = 0;
  /** Whether a request was filled of which it is not known how it ended. */
  private _uncertain = false;
  /** Whether the server confirmed the offset since the last failure. */
  private _confirmed = false;
}

/** What the server is told of a file. */
export function metadataOf(
  item: IUploadItem,
  context: IUploadContext
): Record<string, string> {
  return {
    filename: item.relativePath,
    path: context.destination,
    mtime: String(item.file.lastModified),
    conflict: context.conflict
  };
}
