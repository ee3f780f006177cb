import { UUID } from '@lumino/coreutils';
import { clientErrors } from './errors';
import { SegmentSource } from './segmentsource';
import type { IUploadSource } from './source';
import { checkStopped, Stopped } from './transport';
import type { IUpload, IUploadContext, IUploadListener } from './upload';
import { TusUpload } from './tusupload';

/** Smaller files gain nothing by several connections. */
const LEAST = 64 * 1024 * 1024;

/** A browser cannot fill a fast line over one connection; more than three gain little. */
const SEGMENTS = 3;

/** Segments do not share blocks of the disk. */
const ALIGNMENT = 1024 * 1024;

/** Connections that the upload of a file of `size` bytes can make use of. */
export function lanesFor(size: number): number {
  return size >= LEAST ? SEGMENTS : 1;
}

/**
 * A large file that travels in segments, over several connections at a time.
 * The server writes each to its place, so that the end costs nothing.
 */
export class SegmentedUpload implements IUpload {
  constructor(
    source: IUploadSource,
    context: IUploadContext,
    assembly?: string | null
  ) {
    this._source = source;
    this._context = context;
    const { size } = source;
    this.assembly = assembly ?? UUID.uuid4().replace(/-/g, '');
    const step = Math.ceil(size / SEGMENTS / ALIGNMENT) * ALIGNMENT;
    for (let start = 0; start < size; start += step) {
      const end = Math.min(start + step, size);
      const segment = new SegmentSource(source, {
        assembly: this.assembly,
        start,
        end
      });
      this._segments.push(new TusUpload(segment, context));
    }
  }

  readonly assembly: string;

  get urls(): readonly (string | null)[] {
    return this._segments.map(segment => segment.url);
  }

  adopt(urls: readonly (string | null)[]): void {
    this._segments.forEach((segment, n) => segment.adopt([urls[n] ?? null]));
  }

  get offset(): number {
    return this._segments.reduce((sum, segment) => sum + segment.offset, 0);
  }

  get isKnown(): boolean {
    return this._segments.some(segment => segment.isKnown);
  }

  async send(
    signal: AbortSignal,
    listener: IUploadListener,
    lanes: number
  ): Promise<string | null> {
    const abort = new AbortController();
    const stop = () => abort.abort();
    signal.addEventListener('abort', stop);
    try {
      const arrived = await this._sendSegments(abort, listener, lanes);
      checkStopped(signal);
      return arrived ? await this._join(signal, listener) : null;
    } finally {
      signal.removeEventListener('abort', stop);
    }
  }

  async terminate(): Promise<void> {
    await Promise.all(this._segments.map(segment => segment.terminate()));
  }

  /**
   * Send all segments, `lanes` at a time. The first that fails ends the others
   * by `abort`.
   *
   * @returns whether they arrived; else the file is to be skipped.
   */
  private async _sendSegments(
    abort: AbortController,
    listener: IUploadListener,
    lanes: number
  ): Promise<boolean> {
    const segmentListener: IUploadListener = {
      acknowledged: delta => listener.acknowledged(delta),
      sent: delta => listener.sent(delta),
      checking: () => undefined
    };
    const left = [...this._segments];
    let arrived = true;
    let failure: unknown = null;
    const work = async () => {
      for (let next = left.shift(); next; next = left.shift()) {
        try {
          const path = await next.send(abort.signal, segmentListener);
          arrived = arrived && path !== null;
        } catch (error) {
          if (failure === null || failure instanceof Stopped) {
            failure = error;
          }
          abort.abort();
          return;
        }
      }
    };
    await Promise.all(Array.from({ length: lanes }, work));
    if (failure !== null) {
      throw failure;
    }
    return arrived;
  }

  /** Have the server make one file of the segments. Asking again is harmless. */
  private async _join(
    signal: AbortSignal,
    listener: IUploadListener
  ): Promise<string> {
    const { client } = this._context;
    const urls = this._segments.map(segment => segment.url ?? '');
    const { metadata, size } = this._source;
    listener.checking(true);
    try {
      const state = await client.concatenate(urls, metadata, size, { signal });
      if (state.path === null) {
        throw clientErrors.protocol('the segments became no file');
      }
      return state.path;
    } catch (error) {
      // They may have expired meanwhile.
      this._segments.forEach(segment => segment.doubt());
      throw error;
    } finally {
      listener.checking(false);
    }
  }

  private _source: IUploadSource;
  private _context: IUploadContext;
  private _segments: TusUpload[] = [];
}
