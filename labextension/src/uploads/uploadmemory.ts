import { UUID } from '@lumino/coreutils';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';
import type { Digest } from './digest';
import { nativeDigest } from './digest';
import type { ConflictPolicy, IFolderRoots } from './tokens';
import type { ITrace, ITraceStore } from './trace';
import { fingerprintOf } from './trace';

/** Bytes; what is smaller is as quickly sent again. */
const LEAST = 4 * 1024 * 1024;

/** A file that is about to be sent. */
export interface IToSend {
  readonly file: File;
  readonly relativePath: string;
  readonly handle: FileSystemFileHandle | null;
  readonly destination: string;
  readonly conflict: ConflictPolicy;
}

/** Many files that are about to be sent together. */
export interface IFolderToSend {
  readonly name: string;
  readonly filesTotal: number;
  readonly roots: IFolderRoots | null;
  readonly destination: string;
  readonly conflict: ConflictPolicy;
}

/** Remembers unfinished uploads, so that they go on after the page was closed. */
export class UploadMemory {
  constructor(
    private _store: ITraceStore,
    private _server: string,
    private _digest: Digest | null = nativeDigest()
  ) {}

  /** Emitted with the id of each trace that somebody here works on. */
  get claimed(): ISignal<UploadMemory, string> {
    return this._claimed;
  }

  /**
   * The trace of this very file on its way to this very place, or a fresh one;
   * null for a file that is not worth it. It belongs to the caller until
   * `release` or `forget`.
   */
  async claim(given: IToSend): Promise<ITrace | null> {
    const { file, relativePath, handle, destination, conflict } = given;
    if (file.size < LEAST) {
      return null;
    }
    let fingerprint: string;
    try {
      fingerprint = await this.fingerprintOf(file, relativePath);
    } catch {
      return null;
    }
    const known = (await this.free()).find(
      trace =>
        trace.fingerprint === fingerprint && trace.destination === destination
    );
    const trace = known ?? {
      ...{ id: UUID.uuid4(), server: this._server, fingerprint },
      ...{ relativePath, size: file.size, destination, conflict },
      ...{ assembly: null, urls: [], handle }
    };
    return this._take(trace);
  }

  /**
   * The trace of a batch of that name on its way to that very place, or a fresh
   * one. It belongs to the caller until `release` or `forget`.
   */
  async claimFolder(given: IFolderToSend): Promise<ITrace> {
    const { name, filesTotal, roots, destination, conflict } = given;
    const known = (await this.free()).find(
      trace =>
        trace.folder &&
        trace.relativePath === name &&
        trace.destination === destination
    );
    // What is there already is not sent again, and counts as done.
    const all = Math.max(filesTotal, known?.folder?.filesTotal ?? 0);
    return this._take({
      ...{ id: known?.id ?? UUID.uuid4(), server: this._server },
      ...{ fingerprint: '', relativePath: name, size: 0, handle: null },
      ...{ destination, conflict, assembly: null, urls: known?.urls ?? [] },
      folder: {
        filesTotal: all,
        filesDone: all - filesTotal,
        begun: Date.now(),
        roots: roots ?? known?.folder?.roots ?? null
      }
    });
  }

  /** Tells `file` and its content from others. Rejects when it cannot be read. */
  fingerprintOf(file: File, relativePath: string): Promise<string> {
    return fingerprintOf(file, relativePath, this._digest);
  }

  /** Keep a trace, or what it is by now. */
  keep(trace: ITrace): Promise<void> {
    return this._store.put(trace);
  }

  /** The upload is finished, or given up. */
  async forget(id: string): Promise<void> {
    await this._store.delete(id);
    this.release(id);
  }

  /** Somebody else may go on with it. */
  release(id: string): void {
    this._held.get(id)?.();
    this._held.delete(id);
  }

  /** Traces to this server that nobody works on, in this tab or another. */
  async free(): Promise<ITrace[]> {
    const traces = await this._store.all();
    const locks = await navigator.locks?.query();
    const held = new Set(locks?.held?.map(lock => lock.name));
    return traces.filter(
      ({ id, server }) =>
        server === this._server && !this._held.has(id) && !held.has(nameOf(id))
    );
  }

  private _take(trace: ITrace): ITrace {
    this._hold(trace.id);
    this._claimed.emit(trace.id);
    return trace;
  }

  private _hold(id: string): void {
    const released = new Promise<void>(resolve => this._held.set(id, resolve));
    // Tells other tabs. The browser lets go of it when the page is closed.
    void navigator.locks?.request(nameOf(id), () => released);
  }

  private _claimed = new Signal<this, string>(this);
  private _held = new Map<string, () => void>();
}

function nameOf(id: string): string {
  return `jupyter-transfer:${id}`;
}
