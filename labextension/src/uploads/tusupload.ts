import { clientErrors, UploadError } from './errors';
import { Pieces } from './pieces';
import type { IUploadSource } from './source';
import { checkStopped } from './transport';
import type { ITusState } from './tusanswer';
import { isGone } from './tusanswer';
import type { IUpload, IUploadContext, IUploadListener } from './upload';

/** Codes of a 409 that is about the offset; others (`exists`) only state it in passing. */
const OFFSET_CODES = new Set(['offset_mismatch', 'conflict', 'refused']);

/** Status of tus 1.0 for a piece whose checksum is another: it is sent anew. */
const DAMAGED = 460;

/** Answers in a row that bring no byte further, before we call it a failure. */
const MAX_DETOURS = 4;

/**
 * One upload on its way: the walk through the protocol, from wherever the server
 * says it is. A failure ends `send`; calling it again goes on.
 *
 * The offset is the server's: after any failure it is asked anew, and an
 * answer that does not fit what was sent is not believed before a HEAD
 * confirms it.
 */
export class TusUpload implements IUpload {
  constructor(source: IUploadSource, context: IUploadContext) {
    this._source = source;
    this._context = context;
    this._pieces = new Pieces(source, context.sizer, context.hasher);
  }

  /** Where the upload is on the server, once it was created. */
  get url(): string | null {
    return this._url;
  }

  get urls(): readonly (string | null)[] {
    return [this._url];
  }

  readonly assembly = null;

  adopt([url]: readonly (string | null)[]): void {
    this._url = url ?? null;
  }

  /** How far the server may have got with what was sent. */
  get reach(): number {
    return Math.max(this._offset, this._sent[1]);
  }

  /** Files of a pack that the server is done with. */
  get filesSettled(): number {
    return this._filesSettled;
  }

  get offset(): number {
    return this._offset;
  }

  get isKnown(): boolean {
    return this._url !== null;
  }

  async send(
    signal: AbortSignal,
    listener: IUploadListener
  ): Promise<string | null> {
    const { sizer } = this._context;
    let detours = 0;
    while (!this._isWhole) {
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
      await this._context.client.terminate(url);
    }
  }

  /** Ask the server how far it is before anything else is believed. */
  doubt(): void {
    this._confirmed = false;
  }

  /**
   * Whether nothing is left to do. The server names the path then: an offset at
   * the end alone does not tell that the file was published.
   */
  private get _isWhole(): boolean {
    const { isPartial, size } = this._source;
    return isPartial
      ? this._confirmed && this._offset === size
      : this._path !== null;
  }

  /** One request: create, ask for the offset, or send a piece. */
  private async _step(
    signal: AbortSignal,
    listener: IUploadListener
  ): Promise<void> {
    const { client } = this._context;
    const { size } = this._source;
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
    const { client, sizer, conflict } = this._context;
    const { size, isAtomic, isPartial, metadata } = this._source;
    // An earlier request may have created and filled the upload in one.
    if (this._uncertain) {
      this._path = await this._source.findDelivered(client, signal);
      if (this._path !== null) {
        this._moveTo(size, listener);
        return;
      }
    }
    // A file that might be skipped is announced before its bytes are sent.
    const atOnce = size <= sizer.size && isAtomic && conflict !== 'skip';
    const piece = atOnce && size > 0 ? await this._pieces.take(0) : null;
    checkStopped(signal);
    const body = piece?.body;
    const { checksum } = piece ?? {};
    const state = await this._timed(0, body, signal, listener, options =>
      client.create(metadata, size, body, { ...options, checksum, isPartial })
    );
    this._uncertain = false;
    this._url = state.url;
    this._accept(state, listener);
  }

  private async _patch(
    url: string,
    signal: AbortSignal,
    listener: IUploadListener
  ): Promise<void> {
    const { client } = this._context;
    const { size } = this._source;
    const start = this._offset;
    // At the end the piece is empty: it asks to publish once more.
    const { body, checksum } = await this._pieces.take(start);
    checkStopped(signal);
    this._confirmed = false;
    const state = await this._timed(start, body, signal, listener, options =>
      client.patch(url, start, size, body, { ...options, checksum })
    );
    const isAsSent = state.offset === start + body.size;
    const { isPartial } = this._source;
    const isUnpublished =
      state.offset === size && state.path === null && !isPartial;
    if (isAsSent && !isUnpublished) {
      this._accept(state, listener);
    }
    // Else the loop asks by HEAD before it believes.
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
    const { sizer, timing } = this._context;
    const bytes = body?.size ?? 0;
    this._sent = [start, start + bytes];
    const isLast = start + bytes === this._source.size;
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
      const status = error instanceof UploadError ? error.status : 0;
      // A clear refusal tells that nothing was published; silence does not, nor
      // does a request that was ended here: the server may have had all of it.
      const isSilent = status === 0 || status >= 500;
      this._uncertain = this._uncertain || (isLast && isSilent);
      if (error instanceof UploadError) {
        sizer.failed(error, bytes, sent);
      }
      throw error;
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
      if (!this._source.isAtomic && this._offset > 0) {
        return false;
      }
      this._url = null;
      this._moveTo(0, listener);
      return true;
    }
    const isOffset = error.status === 409 && OFFSET_CODES.has(error.code);
    if (isOffset && error.offset !== null) {
      this._moveTo(error.offset, listener);
      this._confirmed = error.offset <= this._source.size;
      return this._confirmed;
    }
    if (error.status === 413 && error.code === 'refused') {
      return true;
    }
    if (error.status === DAMAGED) {
      return true;
    }
    if (error.status === 0) {
      // The browser reports a file it cannot read as a broken connection.
      const paths = await this._source.unreadable(...this._sent);
      if (paths.length > 0) {
        throw clientErrors.sourceChanged(paths);
      }
    }
    return false;
  }

  private _isSkipped(error: unknown): boolean {
    return (
      this._context.conflict === 'skip' &&
      error instanceof UploadError &&
      error.code === 'exists'
    );
  }

  private _accept(state: ITusState, listener: IUploadListener): void {
    this._path = state.path;
    this._filesSettled = state.filesSettled;
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

  private _source: IUploadSource;
  private _context: IUploadContext;
  private _pieces: Pieces;
  private _url: string | null = null;
  private _path: string | null = null;
  private _offset = 0;
  private _filesSettled = 0;
  /** The bytes of the last request: from, to. */
  private _sent: [number, number] = [0, 0];
  /** Whether a request was filled of which it is not known how it ended. */
  private _uncertain = false;
  /** Whether the server confirmed the offset since the last failure. */
  private _confirmed = false;
}
