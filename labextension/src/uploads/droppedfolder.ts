import { openInTurn } from './entryitem';
import type { OpenFiles } from './openfiles';

/** Names that go to `OpenFiles` together, and what will come of it. */
interface IAsked {
  readonly names: string[];
  readonly files: Promise<readonly (File | null)[] | null>;
}

/** A folder that was dropped, or that lies in one. */
export class DroppedFolder {
  /** @param _openFiles - Opens files beside the page. */
  constructor(
    /** From the dropped folder on: `photos/2024`. */
    readonly path: string,
    /** Null after a reload. */
    readonly entry: FileSystemDirectoryEntry | null,
    private _find: () => Promise<FileSystemDirectoryHandle | null>,
    private _openFiles: OpenFiles
  ) {}

  /** What opens its files without the page standing still; null where the browser has none. */
  get handle(): Promise<FileSystemDirectoryHandle | null> {
    return (this._handle ??= this._find());
  }

  /** The folder of `entry`, which lies in this one. */
  below(entry: FileSystemDirectoryEntry): DroppedFolder {
    const { name } = entry;
    const find = async () => {
      const own = await this.handle;
      return own?.getDirectoryHandle(name).catch(() => null) ?? null;
    };
    const path = `${this.path}/${name}`;
    return new DroppedFolder(path, entry, find, this._openFiles);
  }

  /** The file `name` as it is now. Rejects when it cannot be read. */
  async open(name: string): Promise<File> {
    const { names, files } = (this._asked ??= this._ask());
    const place = names.push(name) - 1;
    return (await files)?.[place] ?? this._openHere(name);
  }

  /**
   * Have files opened beside the page. A handle keeps a connection to the
   * browser's main process, and those of some ten thousand files that are needed
   * no more were closed in one go, in a pause of the garbage collector.
   */
  private _ask(): IAsked {
    const names: string[] = [];
    const files = this.handle.then(folder => {
      // All that was asked for in this turn is among the names.
      this._asked = null;
      return folder && this._openFiles({ folder, names });
    });
    return { names, files };
  }

  private async _openHere(name: string): Promise<File> {
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

  private _asked: IAsked | null = null;
  private _handle: Promise<FileSystemDirectoryHandle | null> | null = null;
}
