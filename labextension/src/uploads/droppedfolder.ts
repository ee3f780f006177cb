import { openInTurn } from './entryitem';

/** A folder that was dropped, or that lies in one. */
export class DroppedFolder {
  constructor(
    /** From the dropped folder on: `photos/2024`. */
    readonly path: string,
    /** Null after a reload. */
    readonly entry: FileSystemDirectoryEntry | null,
    private _find: () => Promise<FileSystemDirectoryHandle | null>
  ) {}

  /** What opens its files without the page standing still; null where the browser has none. */
  get handle(): Promise<FileSystemDirectoryHandle | null> {
    return (this._handle ??= this._find());
  }

  /** The folder of `entry`, which lies in this one. */
  below(entry: FileSystemDirectoryEntry): DroppedFolder {
    const { name } = entry;
    return new DroppedFolder(`${this.path}/${name}`, entry, async () => {
      const own = await this.handle;
      return own?.getDirectoryHandle(name).catch(() => null) ?? null;
    });
  }

  /** The file `name` as it is now. Rejects when it cannot be read. */
  async open(name: string): Promise<File> {
    const { entry } = this;
    const handle = await this.handle;
    try {
      return await (await handle!.getFileHandle(name)).getFile();
    } catch (error) {
      // Some kinds of files (shortcuts) are not given out that way.
      if (entry === null) {
        throw error;
      }
    }
    const own = await new Promise<FileSystemEntry>((resolve, reject) =>
      entry.getFile(name, {}, resolve, reject)
    );
    return openInTurn(own as FileSystemFileEntry);
  }

  /** What opens `name` after a reload; null also for names that browsers refuse (shortcuts). */
  async handleOf(name: string): Promise<FileSystemFileHandle | null> {
    const handle = await this.handle;
    return handle?.getFileHandle(name).catch(() => null) ?? null;
  }

  private _handle: Promise<FileSystemDirectoryHandle | null> | null = null;
}
