import { MIN_FILES } from './packer';
import type { IUploadItem, IUploadOptions } from './tokens';
import type { IFolderToSend, UploadMemory } from './uploadmemory';
import type { ITrace } from './trace';

/**
 * Remembers a batch of many small files while it is under way. What arrived
 * needs no notes, it stands on the server; but without these a page that was
 * loaded again would not know that there was more.
 */
export class FolderMemory {
  /**
   * @param terminate - Lets the server forget an upload.
   * @returns null for few files: they are remembered one by one.
   */
  static of(
    items: readonly IUploadItem[],
    options: IUploadOptions,
    memory: UploadMemory,
    terminate: (url: string) => Promise<void>
  ): FolderMemory | null {
    const { destination, conflict = 'rename', roots = null } = options;
    const filesTotal = items.length;
    const given = { destination, conflict, roots, filesTotal };
    return filesTotal >= MIN_FILES
      ? new FolderMemory(memory, given, terminate)
      : null;
  }

  private constructor(
    private _memory: UploadMemory,
    private _given: Omit<IFolderToSend, 'name'>,
    private _terminate: (url: string) => Promise<void>
  ) {}

  /** The batch begins; `name` is that of its row. */
  start(name: string): void {
    this._turn = this._claim(name);
  }

  /** A pack of it is under way at `url`. */
  begun(url: string): void {
    this._change(trace => ({ ...trace, urls: [...trace.urls, url] }));
  }

  /** The pack at `url` came to an end; so many files of it are there. */
  ended(url: string, files: number): void {
    this._change(trace => ({
      ...trace,
      urls: trace.urls.filter(each => each !== url),
      folder: {
        ...trace.folder!,
        filesDone: trace.folder!.filesDone + files
      }
    }));
  }

  /** The batch arrived, or was given up. */
  forget(): void {
    this._turn = this._turn.then(async () => {
      const trace = this._trace;
      this._trace = null;
      if (trace !== null) {
        await this._memory.forget(trace.id);
      }
    });
  }

  /** Take over what an earlier page left; its packs are begun anew, without what is there. */
  private async _claim(name: string): Promise<void> {
    const trace = await this._memory.claimFolder({ ...this._given, name });
    this._trace = { ...trace, urls: [] };
    const urls = trace.urls.filter(url => url !== null);
    // Best effort: what cannot be deleted now expires on the server.
    await Promise.allSettled(urls.map(url => this._terminate(url)));
  }

  /** One after the other: what is kept last must be what is true last. */
  private _change(change: (trace: ITrace) => ITrace): void {
    this._turn = this._turn.then(async () => {
      if (this._trace !== null) {
        this._trace = change(this._trace);
        await this._memory.keep(this._trace);
      }
    });
  }

  private _turn: Promise<void> = Promise.resolve();
  private _trace: ITrace | null = null;
}
