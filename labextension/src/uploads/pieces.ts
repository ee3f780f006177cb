import type { Hasher } from './hasher';
import type { PieceSizer } from './piecesizer';
import type { IUploadSource } from './source';

/** What one request carries. */
export interface IPiece {
  readonly start: number;
  readonly body: Blob;
  /** `Upload-Checksum`; null if it has none. */
  readonly checksum: string | null;
}

interface IPrepared {
  readonly start: number;
  readonly body: Blob;
  readonly checksum: Promise<string | null>;
}

/**
 * Cuts a source into pieces with checksums. The next one is hashed while the
 * last is on its way, so that the line does not wait.
 */
export class Pieces {
  constructor(
    private _source: IUploadSource,
    private _sizer: PieceSizer,
    private _hasher: Hasher
  ) {}

  /** The piece at `start`, as large as the line takes it. */
  async take(start: number): Promise<IPiece> {
    const ahead = this._ahead;
    this._ahead = null;
    const isOfUse =
      ahead?.start === start && ahead.body.size <= this._sizer.size;
    const { body, checksum } = isOfUse ? ahead : this._prepare(start);
    const piece = { start, body, checksum: await checksum };
    const next = start + body.size;
    if (next < this._source.size && this._limit < Infinity) {
      this._ahead = this._prepare(next);
    }
    return piece;
  }

  private get _limit(): number {
    return this._hasher.limit(this._sizer.rate);
  }

  private _prepare(start: number): IPrepared {
    const limit = this._limit;
    const length = Math.min(this._sizer.size, limit);
    const body = this._source.slice(start, start + length);
    const isHashed = limit < Infinity && body.size > 0;
    const checksum = isHashed
      ? this._hasher.checksum(body)
      : Promise.resolve(null);
    return { start, body, checksum };
  }

  private _ahead: IPrepared | null = null;
}
