import type { IUploadItem } from './tokens';

/**
 * A file that was dropped, opened when its turn comes: to open 100,000 files
 * beforehand takes half a minute, in which the page stutters.
 */
export class EntryItem implements IUploadItem {
  constructor(
    private _entry: FileSystemFileEntry,
    readonly relativePath: string,
    readonly handle?: Promise<FileSystemFileHandle | null>
  ) {}

  get size(): number | null {
    return this._size;
  }

  async open(): Promise<File> {
    const file = await openInTurn(this._entry);
    this._size = file.size;
    return file;
  }

  private _size: number | null = null;
}

let turn: Promise<unknown> = Promise.resolve();

/**
 * The file of an entry, one at a time. Chromium makes each `File` by a call that
 * the page waits for, meanwhile further answers queue up, and all that lie there
 * are dealt with in one task: 16 at once were tasks of a second, and no quicker.
 */
export function openInTurn(entry: FileSystemFileEntry): Promise<File> {
  const file = turn.then(
    () => new Promise<File>((resolve, reject) => entry.file(resolve, reject))
  );
  turn = file.catch(() => undefined);
  return file;
}
