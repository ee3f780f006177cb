import { PromiseDelegate, UUID } from '@lumino/coreutils';
import { nameOf } from './items';
import type { IBatchHost } from './batchhost';
import type { Phase } from './batchstate';
import { stateOf } from './batchstate';
import type { BegunParcels } from './begunparcels';
import { Dispatcher } from './dispatcher';
import { FolderParcel } from './folderparcel';
import { Settlement } from './settlement';
import { Tally } from './tally';
import type {
  ITransferErrorData,
  IUploadBatch,
  IUploadFailure,
  IUploadItem,
  IUploadOptions,
  UploadState
} from './tokens';
import type { IUploadContext } from './upload';

/**
 * Files that were given together.
 *
 * Only what is under way, or was begun and stopped, has an object; everything
 * else is a counter, so that every getter costs the same whatever the number
 * of files.
 */
export class UploadBatch implements IUploadBatch {
  constructor(
    items: readonly IUploadItem[],
    options: IUploadOptions,
    context: IUploadContext,
    host: IBatchHost
  ) {
    this._items = items;
    this._destination = context.destination;
    this._host = host;
    const folders = options.emptyFolders ?? [];
    const rows = folders.map(relativePath => ({ relativePath }));
    this.name = options.name ?? nameOf(items.length > 0 ? items : rows);
    this._tally = new Tally(items, () => host.changed());
    this._settlement = new Settlement(items, this._tally, options);
    this._dispatcher = new Dispatcher(items, context, host, {
      isOpen: () => this._phase === 'open',
      opened: (index, size) => this._tally.measured(index, size),
      settled: fate => this._settlement.settle(fate)
    });
    if (folders.length > 0) {
      const parcel = new FolderParcel(folders, context, (path, error) =>
        this._settlement.settleFolder(path, error)
      );
      this._parcels.keep(parcel);
    }
    if (items.length + folders.length === 0) {
      this._phase = 'ended';
      this._finished.resolve();
    }
  }

  readonly id = UUID.uuid4();
  readonly name: string;

  get destination(): string {
    return this._destination;
  }

  get state(): UploadState {
    return stateOf({
      phase: this._phase,
      isHalted: this._dispatcher.halted !== null,
      filesTotal: this.filesTotal,
      filesFailed: this.filesFailed,
      filesSkipped: this.filesSkipped,
      waiting: this._dispatcher.waiting,
      parcels: this._parcels
    });
  }

  get filesDone(): number {
    const { filesArrived, filesSkipped } = this._tally;
    return filesArrived + filesSkipped + this._parcels.sum(p => p.filesSettled);
  }

  get filesTotal(): number {
    return this._items.length;
  }

  get filesFailed(): number {
    return this._tally.failures.length;
  }

  get filesSkipped(): number {
    return this._tally.filesSkipped;
  }

  get bytesDone(): number {
    return this._tally.bytesArrived + this._parcels.sum(p => p.acknowledged);
  }

  get bytesTotal(): number | null {
    return this._tally.bytesTotal;
  }

  get error(): ITransferErrorData | null {
    if (this._phase === 'ended') {
      const { halted } = this._dispatcher;
      return halted ?? this._tally.failures[0]?.error ?? null;
    }
    return this._parcels.wait?.error.toData() ?? null;
  }

  get retryAt(): number | null {
    return this._parcels.wait?.until ?? null;
  }

  get attempt(): number {
    return this._parcels.wait?.attempt ?? 0;
  }

  get rate(): number {
    return this._dispatcher.rate;
  }

  get results(): string[] {
    return this._tally.results;
  }

  get renamed(): readonly string[] {
    return this._tally.renamed;
  }

  get failures(): readonly IUploadFailure[] {
    return this._tally.failures;
  }

  get finished(): Promise<void> {
    return this._finished.promise;
  }

  /** Connections in use. */
  get connections(): number {
    return this._dispatcher.connections;
  }

  /** Whether another connection would be of use. */
  get isWanting(): boolean {
    return this._dispatcher.isWanting;
  }

  /** Whether the batch came to an end. */
  get isEnded(): boolean {
    return this._phase === 'ended' || this._phase === 'cancelled';
  }

  pause(): void {
    if (this._phase === 'open') {
      this._phase = 'paused';
      this._parcels.stop();
      this._host.changed();
    }
  }

  resume(): void {
    if (this._phase === 'paused') {
      this._phase = 'open';
      this._endIfIdle();
      this._host.changed();
      this._host.wanting();
    } else {
      this._parcels.hurry();
    }
  }

  retry(): void {
    if (this._phase !== 'ended') {
      this.resume();
      return;
    }
    if (this.state !== 'failed') {
      return;
    }
    this._dispatcher.forgive(this._tally.forgive());
    this._phase = 'open';
    this._finished = new PromiseDelegate<void>();
    this._host.changed();
    this._host.wanting();
  }

  async cancel(): Promise<void> {
    if (this._phase === 'ended' && this.state !== 'failed') {
      return;
    }
    const wasEnded = this.isEnded;
    this._phase = 'cancelled';
    await this._dispatcher.abandon();
    if (!wasEnded) {
      this._finished.resolve();
      this._host.finished();
    }
    this._host.changed();
  }

  /** Take up what is next. Resolves, when the connection is free again. */
  async begin(): Promise<void> {
    await this._dispatcher.begin();
    this._endIfIdle();
    this._host.changed();
  }

  private _endIfIdle(): void {
    if (!this.isEnded && this._dispatcher.isIdle) {
      this._phase = 'ended';
      this._finished.resolve();
      this._host.finished();
    }
  }

  private get _parcels(): BegunParcels {
    return this._dispatcher.parcels;
  }

  private _items: readonly IUploadItem[];
  private _destination: string;
  private _host: IBatchHost;
  private _tally: Tally;
  private _settlement: Settlement;
  private _dispatcher: Dispatcher;
  private _phase: Phase = 'open';
  private _finished = new PromiseDelegate<void>();
}
