import { Pace } from './pace';
import type { IUploadSource } from './source';
import { isReadable } from './source';
import { BLOCK, headOf, paddingOf } from './tarhead';
import type { ConflictPolicy } from './tokens';

/** A file of a pack. */
export interface IPacked {
  readonly relativePath: string;
  readonly file: File;
}

/** Two empty blocks end a tar. */
const END = 2 * BLOCK;

/** Files of one piece: each costs the page some time to hand over, in one go. */
const MAX_FILES = 200;

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
    conflict: ConflictPolicy
  ): Promise<TarPack> {
    const starts = new Float64Array(files.length + 1);
    const pace = new Pace();
    for (const [index, member] of files.entries()) {
      const { size } = member.file;
      const length = headFor(member).length + size + paddingOf(size);
      starts[index + 1] = starts[index] + length;
      await pace.rest();
    }
    return new TarPack(files, starts, destination, conflict);
  }

  private constructor(
    readonly files: readonly IPacked[],
    private _starts: Float64Array,
    private _destination: string,
    private _conflict: ConflictPolicy
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

  slice(start: number, end: number): Blob {
    const parts: BlobPart[] = [];
    const first = this._memberAt(start);
    const last = Math.min(first + MAX_FILES, this.files.length);
    for (let n = first; n < last && this._starts[n] < end; n++) {
      const { file } = this.files[n];
      const head = headFor(this.files[n]);
      const at = this._starts[n];
      const body = at + head.length;
      parts.push(head.subarray(...within(at, head.length, start, end)));
      const [from, to] = within(body, file.size, start, end);
      if (to > from) {
        // The file itself where it goes whole: a slice is one object more.
        const isWhole = to - from === file.size;
        parts.push(isWhole ? file : file.slice(from, to));
      }
      const padding = paddingOf(file.size);
      parts.push(zeros(body + file.size, padding, start, end));
    }
    if (last === this.files.length) {
      parts.push(zeros(this._starts[last], END, start, end));
    }
    return new Blob(parts);
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

function headFor({ relativePath, file }: IPacked): Uint8Array<ArrayBuffer> {
  return headOf(relativePath, file.size, file.lastModified);
}

/** The part of `length` bytes at `at` that lies between `start` and `end`. */
function within(
  at: number,
  length: number,
  start: number,
  end: number
): [number, number] {
  const clip = (value: number) => Math.min(Math.max(value, 0), length);
  return [clip(start - at), clip(end - at)];
}

function zeros(
  at: number,
  length: number,
  start: number,
  end: number
): Uint8Array<ArrayBuffer> {
  const [from, to] = within(at, length, start, end);
  return new Uint8Array(to - from);
}
