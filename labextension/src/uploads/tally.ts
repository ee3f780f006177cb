import { Pace } from './pace';
import type { ITransferErrorData, IUploadFailure, IUploadItem } from './tokens';

/** Files that are opened only to learn their sizes; more would take too long. */
const MAX_SURVEY = 2000;

/** What a batch has counted: files and bytes, how many and how many of how many. */
export class Tally {
  constructor(
    private _items: readonly IUploadItem[],
    private _changed: () => void
  ) {
    this._sizes = new Float64Array(_items.length).fill(-1);
    this._unmeasured = _items.length;
    void this._survey();
  }

  filesArrived = 0;
  filesSkipped = 0;
  /** Bytes of the files that arrived. */
  bytesArrived = 0;
  readonly results: string[] = [];
  /** Those of `results` that are not the names asked for. */
  readonly renamed: string[] = [];

  get failures(): readonly IUploadFailure[] {
    return this._failures;
  }

  /** Places of the files that failed. */
  get failed(): readonly number[] {
    return this._failed;
  }

  /** Bytes of all files but the skipped ones; null while not all are known. */
  get bytesTotal(): number | null {
    return this._unmeasured === 0 ? this._bytes : null;
  }

  /** A file has so many bytes (perhaps others than when it was opened before). */
  measured(index: number, size: number): void {
    const before = this._sizes[index];
    if (before < 0) {
      this._unmeasured -= 1;
    }
    this._bytes += size - Math.max(before, 0);
    this._sizes[index] = size;
  }

  arrived(index: number, path: string): void {
    this.filesArrived += 1;
    this.bytesArrived += Math.max(this._sizes[index], 0);
    this.results.push(path);
  }

  skipped(index: number): void {
    this.filesSkipped += 1;
    this.measured(index, 0);
  }

  fail(index: number, error: ITransferErrorData): void {
    if (this._sizes[index] < 0) {
      this.measured(index, 0);
    }
    this._failed.push(index);
    this._failures.push({ item: this._items[index], error });
  }

  /** The failed files are tried again. */
  forgive(): number[] {
    const failed = this._failed;
    this._failed = [];
    this._failures = [];
    return failed;
  }

  /** Learn the sizes beforehand, as far as it costs little. */
  private async _survey(): Promise<void> {
    const pace = new Pace();
    const unknown: number[] = [];
    for (const [index, { size }] of this._items.entries()) {
      if (size === null) {
        unknown.push(index);
      } else if (this._sizes[index] < 0) {
        this.measured(index, size);
      }
      if (index % 1000 === 999) {
        await pace.rest();
      }
    }
    this._changed();
    for (const index of unknown.length <= MAX_SURVEY ? unknown : []) {
      const file = await this._items[index].open().catch(() => null);
      if (file && this._sizes[index] < 0) {
        this.measured(index, file.size);
        this._changed();
      }
    }
  }

  private _sizes: Float64Array;
  private _unmeasured: number;
  private _bytes = 0;
  private _failed: number[] = [];
  private _failures: IUploadFailure[] = [];
}
