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
    const ahead = await this._ahead;
    this._ahead = null;
    const isOfUse =
      ahead?.start === start && ahead.body.size <= this._sizer.size;
    const piece = isOfUse ? ahead : await this._prepare(start);
    const next = start + piece.body.size;
    if (next < this._source.size && this._limit < Infinity) {
      this._ahead = this._prepare(next);
    }
    return piece;
  }

  private get _limit(): number {
    return this._hasher.limit(this._sizer.rate);
  }

  private async _prepare(start: number): Promise<IPiece> {
    const limit = this._limit;
    const length = Math.min(this._sizer.size, limit);
    const body = await this._source.slice(start, start + length);
    const isHashed = limit < Infinity && body.size > 0;
    const checksum = isHashed ? await this._hasher.checksum(body) : null;
    return { start, body, checksum };
  }

  private _ahead: Promise<IPiece> | null = null;
}
