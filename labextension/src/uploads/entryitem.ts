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
    const file = await new Promise<File>((resolve, reject) =>
      this._entry.file(resolve, reject)
    );
    this._size = file.size;
    return file;
  }

  private _size: number | null = null;
}
