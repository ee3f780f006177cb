import { PathExt } from '@jupyterlab/coreutils';
import { clientErrors } from './errors';
import { FileItem } from './fileitem';
import type { OpenFiles } from './openfiles';
import { readFolders } from './readfolders';
import type { ILeftover, IReopened } from './tokens';
import type { IFolderTrace, ITrace } from './trace';
import type { TusClient } from './tusclient';
import { isGone } from './tusanswer';
import type { UploadMemory } from './uploadmemory';

/** Milliseconds after which nobody comes back for a folder; the server's default for uploads. */
const LIFETIME = 7 * 24 * 3600 * 1000;

/** Uploads that an earlier page left unfinished, and that the server still has. */
export class Leftovers {
  constructor(
    private _memory: UploadMemory,
    private _client: TusClient,
    private _openFiles: OpenFiles,
    private _changed: () => void
  ) {
    _memory.claimed.connect((_, id) => this.remove(id));
  }

  get list(): readonly ILeftover[] {
    return this._list;
  }

  /** Ask the server what it still has; what is gone or whole is forgotten. */
  async look(): Promise<void> {
    for (const trace of await this._memory.free()) {
      if (trace.folder) {
        await this._lookAtFolder(trace, trace.folder);
        continue;
      }
      try {
        const offset = await this._offsetOf(trace);
        if (offset === null) {
          await this._memory.forget(trace.id);
        } else {
          this._add(trace, offset);
        }
      } catch {
        // The server cannot be asked now: the next page asks again.
      }
    }
  }

  /**
   * The files of a leftover: the one that was `chosen`, or by the handles that
   * the browser kept. That asks the person, so call it when they clicked.
   *
   * @throws UploadError `source_changed`, if they are not the same any more.
   */
  async reopen(id: string, chosen?: File): Promise<IReopened> {
    const trace = this._traces.get(id)!;
    const reopened = trace.folder
      ? await this._reopenFolder(trace.folder)
      : await this._reopenFile(trace, chosen);
    if (reopened === null) {
      throw clientErrors.sourceChanged([trace.relativePath]);
    }
    return reopened;
  }

  /**
   * End the packs of a folder: what arrived of them stands there, and the room
   * that the server keeps for the rest is free again.
   */
  async giveBack(id: string): Promise<void> {
    const { folder, urls = [] } = this._traces.get(id) ?? {};
    await this._terminate(folder ? urls : []);
  }

  /** It is gone on with, or given up. */
  remove(id: string): void {
    if (this._traces.delete(id)) {
      this._list = this._list.filter(each => each.id !== id);
      this._changed();
    }
  }

  /** Give a leftover up, on the server too. */
  async discard(id: string): Promise<void> {
    const { urls = [] } = this._traces.get(id) ?? {};
    this.remove(id);
    await this._memory.forget(id);
    await this._terminate(urls);
  }

  private async _reopenFile(
    { relativePath, fingerprint, handle }: ITrace,
    chosen?: File
  ): Promise<IReopened | null> {
    try {
      const file = chosen ?? (await fileOf(handle));
      const found = await this._memory.fingerprintOf(file, relativePath);
      const item = new FileItem(file, relativePath, Promise.resolve(handle));
      return found === fingerprint ? { items: [item], roots: null } : null;
    } catch {
      // Moved, removed, or the person said no.
      return null;
    }
  }

  private async _reopenFolder({
    roots
  }: IFolderTrace): Promise<IReopened | null> {
    const items = await readFolders(roots!.handles, this._openFiles).catch(
      () => []
    );
    // Handles do not tell of all kinds of files: a drop does.
    return items.length < roots!.files ? null : { items, roots };
  }

  private async _terminate(urls: readonly (string | null)[]): Promise<void> {
    const begun = urls.filter(url => url !== null);
    // Best effort: what cannot be deleted now expires on the server.
    await Promise.allSettled(begun.map(url => this._client.terminate(url)));
  }

  private async _lookAtFolder(
    trace: ITrace,
    { begun, filesTotal, filesDone, roots }: IFolderTrace
  ): Promise<void> {
    if (Date.now() - begun > LIFETIME) {
      await this._memory.forget(trace.id);
      return;
    }
    const { id, relativePath, destination, conflict } = trace;
    this._show(trace, {
      ...{ id, name: relativePath, relativePath, destination, conflict },
      ...{ size: 0, offset: 0 },
      canReopen: roots !== null,
      folder: { filesTotal, filesDone }
    });
  }

  /** Bytes that the server has; null if nothing is worth going on with. */
  private async _offsetOf(trace: ITrace): Promise<number | null> {
    let sum = 0;
    for (const url of trace.urls) {
      if (url === null) {
        continue;
      }
      try {
        const state = await this._client.head(url, trace.size);
        if (state.path !== null) {
          return null;
        }
        sum += state.offset;
      } catch (error) {
        if (!isGone(error)) {
          throw error;
        }
      }
    }
    return sum > 0 ? sum : null;
  }

  private _add(trace: ITrace, offset: number): void {
    const { id, relativePath, destination, conflict, size, handle } = trace;
    const name = PathExt.basename(relativePath);
    const canReopen = handle !== null;
    const place = { id, name, relativePath, destination, conflict };
    this._show(trace, { ...place, size, offset, canReopen });
  }

  private _show(trace: ITrace, leftover: ILeftover): void {
    const { id } = trace;
    this._traces.set(id, trace);
    this._list = [...this._list.filter(each => each.id !== id), leftover];
    this._changed();
  }

  private _traces = new Map<string, ITrace>();
  private _list: readonly ILeftover[] = [];
}

async function fileOf(handle: FileSystemFileHandle | null): Promise<File> {
  await (handle as any).requestPermission({ mode: 'read' });
  return handle!.getFile();
}
