import { Pace } from './pace';
import type { IUploadSource } from './source';
import { isReadable } from './source';
import type { ITarPiece } from './tarpiece';
import { END, spanOf } from './tarpiece';
import type { ConflictPolicy } from './tokens';

/** A file of a pack. */
export interface IPacked {
  readonly relativePath: string;
  readonly file: File;
}

/** Files of one piece: each costs the page some time to hand over, in one go. */
const MAX_FILES = 200;

/** Puts a piece of a tar together, here or in a worker. */
export type Compose = (piece: ITarPiece) => Promise<Blob>;

/**
 * Many small files as one upload: a tar that is put together slice by slice,
 * so that no file is read before it is sent. The server publishes each file as
 * it completes.
 */
export class TarPack implements IUploadSource {
  /** Lay out a pack, in turns with the page. */
  static async of(
    files: readonly IPacked[],
    destination: string,
    conflict: ConflictPolicy,
    compose: Compose
  ): Promise<TarPack> {
    const starts = new Float64Array(files.length + 1);
    const pace = new Pace();
    for (const [index, { relativePath, file }] of files.entries()) {
      starts[index + 1] = starts[index] + spanOf(relativePath, file);
      await pace.rest();
    }
    return new TarPack(files, starts, destination, conflict, compose);
  }

  private constructor(
    readonly files: readonly IPacked[],
    private _starts: Float64Array,
    private _destination: string,
    private _conflict: ConflictPolicy,
    private _compose: Compose
  ) {}

  readonly isAtomic = false;
  readonly isPartial = false;

  get size(): number {
    return this._starts[this.files.length] + END;
  }

  get metadata(): Record<string, string> {
    return {
      pack: 'tar',
      path: this._destination,
      conflict: this._conflict
    };
  }

  slice(start: number, end: number): Promise<Blob> {
    const first = this._memberAt(start);
    let last = first;
    const most = Math.min(first + MAX_FILES, this.files.length);
    while (last < most && this._starts[last] < end) {
      last += 1;
    }
    const members = this.files.slice(first, last);
    const stop = last < this.files.length ? this._starts[last] : this.size;
    return this._compose({
      paths: members.map(member => member.relativePath),
      files: members.map(member => member.file),
      from: start - this._starts[first],
      length: Math.min(end, stop) - start
    });
  }

  async unreadable(start: number, end: number): Promise<readonly string[]> {
    const bad: string[] = [];
    const first = this._memberAt(start);
    for (let n = first; n < this.files.length && this._starts[n] < end; n++) {
      const { file, relativePath } = this.files[n];
      if (!(await isReadable(file, 0))) {
        bad.push(relativePath);
      }
    }
    return bad;
  }

  /** A pack is not delivered as a whole; see `PackParcel`. */
  async findDelivered(): Promise<null> {
    return null;
  }

  /** Bytes of files, without the tar around them, among the first `offset`. */
  payloadAt(offset: number): number {
    const last = this._memberAt(offset);
    for (; this._counted < last; this._counted++) {
      this._payload += this.files[this._counted].file.size;
    }
    for (; this._counted > last; this._counted--) {
      this._payload -= this.files[this._counted - 1].file.size;
    }
    return this._payload;
  }

  /** How many files begin before `offset`. */
  countAt(offset: number): number {
    const member = this._memberAt(offset);
    return member < this.files.length && this._starts[member] < offset
      ? member + 1
      : member;
  }

  /** The file at `offset`; their number at the end. */
  private _memberAt(offset: number): number {
    let low = 0;
    let high = this.files.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this._starts[middle + 1] <= offset) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }

  private _counted = 0;
  private _payload = 0;
}
