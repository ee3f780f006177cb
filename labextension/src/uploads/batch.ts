import { PromiseDelegate, UUID } from '@lumino/coreutils';
import { nameOf } from './items';
import type { IBatchHost } from './batchhost';
import type { Phase } from './batchstate';
import { stateOf } from './batchstate';
import { BegunParcels } from './begunparcels';
import type { Outcome } from './delivery';
import { Delivery } from './delivery';
import type { UploadError } from './errors';
import { clientErrors } from './errors';
import { FolderParcel } from './folderparcel';
import { Packer } from './packer';
import type { Fate, IParcel } from './parcel';
import { RateMeter } from './ratemeter';
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
    this._context = context;
    this._host = host;
    const folders = options.emptyFolders ?? [];
    const rows = folders.map(relativePath => ({ relativePath }));
    this.name = options.name ?? nameOf(items.length > 0 ? items : rows);
    this._tally = new Tally(items, () => host.changed());
    this._settlement = new Settlement(items, this._tally, options);
    this._packer = new Packer(items, context, {
      opened: (index, size) => this._tally.measured(index, size),
      unreadable: index => {
        const { relativePath } = items[index];
        const error = clientErrors.sourceChanged([relativePath]).toData();
        this._onFate({ kind: 'failed', index, error });
      }
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
    return this._context.destination;
  }

  get state(): UploadState {
    return stateOf({
      phase: this._phase,
      isHalted: this._halted !== null,
      filesTotal: this.filesTotal,
      filesFailed: this.filesFailed,
      filesSkipped: this.filesSkipped,
      waiting: this._waiting,
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
      return this._halted ?? this._tally.failures[0]?.error ?? null;
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
    return this._meter.rate;
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
    return this._running.size;
  }

  /** Whether another connection would be of use. */
  get isWanting(): boolean {
    // What is being put together has its connection already.
    return this._isOpen && this._waiting > this._composing;
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
    const kept = this._parcels.forgive();
    this._tally
      .forgive()
      .filter(index => !kept.has(index))
      .forEach(index => this._packer.putBack(index));
    this._halted = null;
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
    this._packer.clear();
    this._parcels.stop();
    await Promise.all([...this._running]);
    await this._parcels.terminate();
    if (!wasEnded) {
      this._finished.resolve();
      this._host.finished();
    }
    this._host.changed();
  }

  /** Take up what is next. Resolves, when the connection is free again. */
  async begin(): Promise<void> {
    const running = this._begin();
    this._running.add(running);
    await running;
    this._running.delete(running);
    this._endIfIdle();
    this._host.changed();
  }

  private async _begin(): Promise<void> {
    const parcel = this._parcels.take() ?? (await this._compose());
    if (parcel === null) {
      return;
    }
    if (!this._isOpen) {
      // Paused while its files were opened.
      this._parcels.keep(parcel);
      return;
    }
    const { connectivity } = this._host;
    const { timing } = this._context;
    const more = this._host.borrow(parcel.lanes - 1);
    const delivery = new Delivery(parcel, 1 + more, connectivity, timing, {
      sent: delta => this._meter.add(delta),
      changed: () => this._host.changed()
    });
    this._parcels.started(delivery);
    const outcome = await delivery.run();
    this._parcels.ended(delivery);
    this._host.giveBack(more);
    this._onOutcome(parcel, outcome);
  }

  private async _compose(): Promise<IParcel | null> {
    this._composing += 1;
    try {
      return await this._packer.next();
    } finally {
      this._composing -= 1;
    }
  }

  private _onOutcome(parcel: IParcel, outcome: Outcome): void {
    switch (outcome.kind) {
      case 'done':
        outcome.fates.forEach(fate => this._onFate(fate));
        break;
      case 'stopped':
        this._parcels.keep(parcel);
        break;
      case 'failed':
        this._onFailed(parcel, outcome.error);
    }
  }

  private _onFate(fate: Fate): void {
    if (fate.kind === 'again') {
      this._packer.putBack(fate.index);
    } else {
      this._settlement.settle(fate);
    }
  }

  private _onFailed(parcel: IParcel, error: UploadError): void {
    if (error.scope === 'batch' || parcel.indices.length !== 1) {
      // The others would meet the same wall; a person must act first.
      this._parcels.keep(parcel);
      this._halted = error.toData();
      this._parcels.stop();
      return;
    }
    if (parcel.isKnown) {
      this._parcels.refuse(parcel);
    }
    const [index] = parcel.indices;
    this._onFate({ kind: 'failed', index, error: error.toData() });
  }

  private _endIfIdle(): void {
    const isIdle = this._running.size === 0 && !this.isEnded;
    if (isIdle && (this._halted !== null || this._waiting === 0)) {
      this._phase = 'ended';
      this._finished.resolve();
      this._host.finished();
    }
  }

  private get _isOpen(): boolean {
    return this._phase === 'open' && this._halted === null;
  }

  /** How much waits for a connection: files and begun parcels. */
  private get _waiting(): number {
    return this._packer.length + this._parcels.waiting;
  }

  private _items: readonly IUploadItem[];
  private _context: IUploadContext;
  private _host: IBatchHost;
  private _packer: Packer;
  private _tally: Tally;
  private _settlement: Settlement;
  private _phase: Phase = 'open';
  private _halted: ITransferErrorData | null = null;
  private _composing = 0;
  private _running = new Set<Promise<void>>();
  private _parcels = new BegunParcels();
  private _meter = new RateMeter();
  private _finished = new PromiseDelegate<void>();
}
