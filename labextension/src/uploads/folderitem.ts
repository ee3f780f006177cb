import type { DroppedFolder } from './droppedfolder';
import type { IUploadItem } from './tokens';

/**
 * A file in a dropped folder, opened when its turn comes. It is its name and its
 * folder, no more: there may be 100,000.
 */
export class FolderItem implements IUploadItem {
  constructor(
    private _folder: DroppedFolder,
    private _name: string
  ) {}

  get relativePath(): string {
    return `${this._folder.path}/${this._name}`;
  }

  get size(): number | null {
    return this._size;
  }

  get handle(): Promise<FileSystemFileHandle | null> {
    return this._folder.handleOf(this._name);
  }

  async open(): Promise<File> {
    const file = await this._folder.open(this._name);
    this._size = file.size;
    return file;
  }

  private _size: number | null = null;
}
