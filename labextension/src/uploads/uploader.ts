import type { ServerConnection } from '@jupyterlab/services';
import type { IDisposable } from '@lumino/disposable';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';
import { UploadBatch } from './batch';
import { Connectivity } from './connectivity';
import { FolderMemory } from './foldermemory';
import type { Digest } from './digest';
import { nativeDigest } from './digest';
import type { ChecksumMode } from './hasher';
import { Hasher } from './hasher';
import { IdbTraces } from './idbtraces';
import { Leftovers } from './leftovers';
import { PieceSizer } from './piecesizer';
import type { OpenFiles } from './openfiles';
import type { ITiming } from './timing';
import { DEFAULT_TIMING } from './timing';
import type {
  ILeftover,
  IReopened,
  IUploadBatch,
  IUploadItem,
  IUploadOptions
} from './tokens';
import type { ITraceStore } from './trace';
import { UploadMemory } from './uploadmemory';
import type { ITransport } from './transport';
import type { IWorkerPort } from './uploadworker';
import { UploadWorker } from './uploadworker';
import { TusClient } from './tusclient';
import { Wayfinding } from './wayfinding';
import { XhrTransport } from './xhrtransport';

const AUTO = () => 'auto' as const;

/** A browser opens six connections to one origin; kernels need theirs. */
const MAX_CONNECTIONS = 4;

/**
 * Sends files of this browser to the server, several at a time, until they
 * arrived. There is one for the page; it knows nothing of how it looks.
 */
export class Uploader implements IDisposable {
  constructor(options: Uploader.IOptions) {
    const { serverSettings } = options;
    const timing = { ...DEFAULT_TIMING, ...options.timing };
    const transport =
      options.transport ?? new XhrTransport(serverSettings, timing);
    this._timing = timing;
    const wayfinding = new Wayfinding(serverSettings.baseUrl);
    this._client = new TusClient(serverSettings, transport, wayfinding);
    this._sizer = new PieceSizer(timing.piece, wayfinding);
    const worker = new UploadWorker(options.spawnWorker ?? (() => null));
    this._worker = worker;
    const byWorker = options.spawnWorker && worker.sha256.bind(worker);
    this.digest = nativeDigest() ?? byWorker ?? null;
    const store = options.traces ?? new IdbTraces();
    this._memory = new UploadMemory(store, serverSettings.baseUrl, this.digest);
    this.openFiles = worker.open.bind(worker);
    this._leftovers = new Leftovers(
      this._memory,
      this._client,
      this.openFiles,
      () => this._scheduleChanged()
    );
    this._hasher =
      options.hasher ?? new Hasher(options.checksums ?? AUTO, this.digest);
    this._connectivity = new Connectivity(serverSettings.baseUrl);
    this._maxConnections = Math.min(
      Math.max(options.maxConnections ?? MAX_CONNECTIONS, 1),
      MAX_CONNECTIONS
    );
  }

  /** SHA-256 of a blob, beside the page; null where nothing computes one. */
  readonly digest: Digest | null;

  /** Opens files of dropped folders, beside the page. */
  readonly openFiles: OpenFiles;

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  /** All batches that were not removed, the oldest first. */
  get batches(): readonly IUploadBatch[] {
    return this._batches;
  }

  /** Emitted when anything changed: at most some ten times a second. */
  get changed(): ISignal<Uploader, void> {
    return this._changed;
  }

  /** Emitted once when a batch is done, failed, cancelled or skipped (again after a retry). */
  get batchFinished(): ISignal<Uploader, IUploadBatch> {
    return this._batchFinished;
  }

  /** Whether files would be lost by closing the page. */
  get holdsBytes(): boolean {
    return this._live.size > 0;
  }

  /** What earlier pages left unfinished, once `lookBack` found it. */
  get leftovers(): readonly ILeftover[] {
    return this._leftovers.list;
  }

  /** Look for what earlier pages left unfinished. */
  lookBack(): Promise<void> {
    return this._leftovers.look();
  }

  /**
   * The files of a leftover: the `chosen` one, or those of one that `canReopen`.
   * The browser asks the person then, so call it when they clicked.
   *
   * @throws UploadError `source_changed`, if they are not the same any more.
   */
  reopen(id: string, chosen?: File): Promise<IReopened> {
    return this._leftovers.reopen(id, chosen);
  }

  /**
   * Let the server free the room that it keeps for the packs of a folder that an
   * earlier page left. It goes on without them: what arrived is there.
   */
  giveBack(id: string): Promise<void> {
    return this._leftovers.giveBack(id);
  }

  /** Give a leftover up, on the server too. */
  discard(id: string): Promise<void> {
    return this._leftovers.discard(id);
  }

  /** Send `items`; begins at once. */
  upload(items: IUploadItem[], options: IUploadOptions): IUploadBatch {
    const destination = options.destination.replace(/^\/+|\/+$/g, '');
    const folder = FolderMemory.of(
      items,
      { ...options, destination },
      this._memory,
      url => this._client.terminate(url)
    );
    const context = {
      folder,
      client: this._client,
      sizer: this._sizer,
      hasher: this._hasher,
      memory: this._memory,
      worker: this._worker,
      timing: this._timing,
      packs: this._packs,
      destination,
      conflict: options.conflict ?? 'rename'
    };
    const batch = new UploadBatch(items, options, context, {
      connectivity: this._connectivity,
      changed: () => this._scheduleChanged(),
      wanting: () => {
        this._live.add(batch);
        this._schedulePump();
      },
      finished: () => this._onFinished(batch, folder),
      borrow: wanted => this._borrow(wanted),
      giveBack: count => this._giveBack(count)
    });
    folder?.start(batch.name);
    if (options.goesOn !== undefined) {
      this._leftovers.remove(options.goesOn);
    }
    this._batches.push(batch);
    this._folders.set(batch, folder);
    if (!batch.isEnded) {
      this._live.add(batch);
    }
    this._scheduleChanged();
    this._schedulePump();
    return batch;
  }

  /** Take a batch off the list, cancelling it if it has not arrived. */
  remove(id: string): void {
    const index = this._batches.findIndex(batch => batch.id === id);
    if (index >= 0) {
      const [batch] = this._batches.splice(index, 1);
      this._folders.get(batch)?.forget();
      void batch.cancel();
      this._scheduleChanged();
    }
  }

  /** Stop everything; what the server has stays there until it expires. */
  dispose(): void {
    if (this._isDisposed) {
      return;
    }
    this._isDisposed = true;
    window.clearTimeout(this._timer);
    this._live.forEach(batch => batch.pause());
    this._connectivity.dispose();
    this._worker.dispose();
    Signal.clearData(this);
  }

  /** Give free connections to the batches that have fewest. */
  private _pump(): void {
    this._isPumpScheduled = false;
    while (this._connections < this._maxConnections && !this._isDisposed) {
      const batch = this._neediest();
      if (batch === null) {
        return;
      }
      this._connections += 1;
      void batch.begin().finally(() => this._giveBack(1));
    }
  }

  private _borrow(wanted: number): number {
    const free = this._maxConnections - this._connections;
    const count = Math.max(Math.min(wanted, free), 0);
    this._connections += count;
    return count;
  }

  private _giveBack(count: number): void {
    this._connections -= count;
    this._schedulePump();
  }

  private _neediest(): UploadBatch | null {
    let neediest: UploadBatch | null = null;
    for (const batch of this._live) {
      if (
        batch.isWanting &&
        (neediest === null || batch.connections < neediest.connections)
      ) {
        neediest = batch;
      }
    }
    return neediest;
  }

  private _schedulePump(): void {
    if (!this._isPumpScheduled) {
      this._isPumpScheduled = true;
      queueMicrotask(() => this._pump());
    }
  }

  private _scheduleChanged(): void {
    if (this._timer === 0 && !this._isDisposed) {
      const next = this._lastChanged + this._timing.coalesce;
      this._timer = window.setTimeout(
        () => {
          this._timer = 0;
          this._lastChanged = Date.now();
          this._changed.emit();
        },
        Math.max(next - Date.now(), 0)
      );
    }
  }

  private _onFinished(batch: UploadBatch, folder: FolderMemory | null): void {
    if (batch.state !== 'failed') {
      folder?.forget();
    }
    this._live.delete(batch);
    this._batchFinished.emit(batch);
    this._scheduleChanged();
  }

  private _client: TusClient;
  private _hasher: Hasher;
  private _memory: UploadMemory;
  private _worker: UploadWorker;
  private _leftovers: Leftovers;
  private _sizer: PieceSizer;
  private _packs = { areTaken: true };
  private _timing: ITiming;
  private _connectivity: Connectivity;
  private _maxConnections: number;
  private _connections = 0;
  private _batches: UploadBatch[] = [];
  private _folders = new WeakMap<UploadBatch, FolderMemory | null>();
  private _live = new Set<UploadBatch>();
  private _isDisposed = false;
  private _isPumpScheduled = false;
  private _timer = 0;
  private _lastChanged = 0;
  private _changed = new Signal<this, void>(this);
  private _batchFinished = new Signal<this, IUploadBatch>(this);
}

export namespace Uploader {
  export interface IOptions {
    readonly serverSettings: ServerConnection.ISettings;
    /** Requests at a time, at most (and by default) 4. */
    readonly maxConnections?: number;
    /** When pieces get a checksum; by default where it costs no time. */
    readonly checksums?: () => ChecksumMode;
    /** Starts the thread for what would keep the page busy; without one it is done here. */
    readonly spawnWorker?: () => IWorkerPort | null;
    /** Makes the checksums. */
    readonly hasher?: Hasher;
    /** Keeps what outlives the page; by default the browser's IndexedDB. */
    readonly traces?: ITraceStore;
    /** How requests travel; by default XMLHttpRequest. */
    readonly transport?: ITransport;
    /** Deviations from `DEFAULT_TIMING`. */
    readonly timing?: Partial<ITiming>;
  }
}
