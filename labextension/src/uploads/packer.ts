import { FileParcel } from './fileparcel';
import type { IOpened } from './packparcel';
import { PackParcel } from './packparcel';
import type { IParcel } from './parcel';
import type { IUploadItem } from './tokens';
import type { IUploadContext } from './upload';
import { Worklist } from './worklist';

/** Files that are opened together: more do not come quicker. */
const AT_ONCE = 16;

/** Bytes; what is larger gains nothing by company. */
const SMALL = 1024 * 1024;

/** Fewer files are quicker one by one, over several connections. */
export const MIN_FILES = 8;

/** Bounds of a pack: what a file that changes on the way can cost. */
const MAX_BYTES = 64 * 1024 * 1024;
const MAX_FILES = 2000;

/** Files of the first pack, so that something moves soon; each may be twice the last. */
const FIRST_FILES = 250;

export interface IPackerListener {
  /** A file was opened and has so many bytes. */
  opened(index: number, size: number): void;
  /** A file cannot be read; it is not taken up again by itself. */
  unreadable(index: number): void;
}

/**
 * Makes parcels of the files that are still to be sent: opens them when their
 * turn comes, puts small ones together.
 */
export class Packer {
  constructor(
    private _items: readonly IUploadItem[],
    private _context: IUploadContext,
    private _listener: IPackerListener
  ) {
    this._work = new Worklist(_items.length);
  }

  /** How many files are left. */
  get length(): number {
    return this._work.length + this._opened.length + this._small.length;
  }

  /** Make the next parcel; null when nothing is left. */
  next(): Promise<IParcel | null> {
    // One at a time: each takes up what the one before has opened.
    this._turn = this._turn.then(() => this._compose());
    return this._turn;
  }

  /** A file is to be sent again. */
  putBack(index: number): void {
    this._work.putBack(index);
  }

  /** Forget all that is left. */
  clear(): void {
    this._work.clear();
    this._opened = [];
    this._forgetSmall();
  }

  private async _compose(): Promise<IParcel | null> {
    for (;;) {
      const opened = await this._take();
      if (opened === null) {
        break;
      }
      if (opened.file.size > SMALL || !this._context.packs.areTaken) {
        return this._single(opened);
      }
      this._small.push(opened);
      this._bytes += opened.file.size;
      if (this._bytes >= MAX_BYTES || this._small.length >= this._limit) {
        break;
      }
    }
    const isWorthIt =
      this._context.packs.areTaken && this._small.length >= MIN_FILES;
    if (!isWorthIt) {
      const single = this._small.shift();
      this._bytes -= single?.file.size ?? 0;
      return single ? this._single(single) : null;
    }
    const files = this._small;
    this._forgetSmall();
    this._limit = Math.min(this._limit * 2, MAX_FILES);
    return PackParcel.of(files, this._context);
  }

  private _single(opened: IOpened): IParcel {
    return new FileParcel(opened, this._context);
  }

  /** The next file, opened; null when there is none. */
  private async _take(): Promise<IOpened | null> {
    while (this._opened.length === 0 && this._work.length > 0) {
      const indices: number[] = [];
      while (indices.length < AT_ONCE && this._work.length > 0) {
        indices.push(this._work.take()!);
      }
      await Promise.all(indices.map(index => this._open(index)));
    }
    return this._opened.shift() ?? null;
  }

  private async _open(index: number): Promise<void> {
    const item = this._items[index];
    const { relativePath } = item;
    let file: File;
    try {
      file = await item.open();
    } catch {
      this._listener.unreadable(index);
      return;
    }
    // Small ones go on with their pack, so theirs would only take room.
    const handle = file.size > SMALL ? await item.handle : null;
    this._opened.push({ index, file, relativePath, handle: handle ?? null });
    this._listener.opened(index, file.size);
  }

  private _forgetSmall(): void {
    this._small = [];
    this._bytes = 0;
  }

  private _work: Worklist;
  private _turn: Promise<IParcel | null> = Promise.resolve(null);
  private _opened: IOpened[] = [];
  private _small: IOpened[] = [];
  private _bytes = 0;
  private _limit = FIRST_FILES;
}
