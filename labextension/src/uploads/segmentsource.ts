import type { IUploadSource } from './source';

/** Where a segment stands in its file. */
export interface ISegment {
  /** What all segments of one file share: 32 hex digits. */
  readonly assembly: string;
  readonly start: number;
  readonly end: number;
}

/**
 * A segment of a file: a partial upload (tus 1.0, concatenation) of which the
 * server knows where in the whole it belongs.
 */
export class SegmentSource implements IUploadSource {
  constructor(
    private _whole: IUploadSource,
    private _segment: ISegment
  ) {}

  readonly isAtomic = true;
  readonly isPartial = true;

  get size(): number {
    return this._segment.end - this._segment.start;
  }

  get metadata(): Record<string, string> {
    const { assembly, start } = this._segment;
    return {
      ...this._whole.metadata,
      assembly,
      start: String(start),
      size: String(this._whole.size)
    };
  }

  slice(from: number, to: number): Blob | Promise<Blob> {
    const { start, end } = this._segment;
    return this._whole.slice(start + from, Math.min(start + to, end));
  }

  unreadable(from: number, to: number): Promise<readonly string[]> {
    const { start } = this._segment;
    return this._whole.unreadable(start + from, start + to);
  }

  /** A segment whose first answer got lost is just announced once more. */
  async findDelivered(): Promise<null> {
    return null;
  }
}
