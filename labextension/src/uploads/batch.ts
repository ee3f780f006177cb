import { PromiseDelegate, UUID } from '@lumino/coreutils';
import { nameOf } from './items';
import type { Connectivity } from './connectivity';
import type { IWait, Outcome } from './delivery';
import { Delivery } from './delivery';
import type { UploadError } from './errors';
import { clientErrors } from './errors';
import { Packer } from './packer';
import type { Fate, IParcel } from './parcel';
import { RateMeter } from './ratemeter';
import { Tally } from './tally';
import type {
  ITransferErrorData,
  IUploadBatch,
  IUploadFailure,
  IUploadItem,
  IUploadOptions,
  UploadState
} from './tokens';
import type { IUploadContext } from './tusupload';

/** What a batch needs of the uploader. */
export interface IBatchHost {
  readonly connectivity: Connectivity;
  /** A getter of the batch changed its value. */
  changed(): void;
  /** The batch (again) has files to send. */
  wanting(): void;
  /** The batch came to an end. */
  finished(): void;
  /** Take `wanted` more connections, or as many as are free; how many. */
  borrow(wanted: number): number;
  /** Give connections back. */
  giveBack(count: number): void;
}

/** How the batch as a whole stands; what is under way says the rest. */
type Phase = 'open' | 'paused' | 'ended' | 'cancelled';

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
    this._options = options;
    this._context = context;
    this._host = host;
    this.name = options.name ?? nameOf(items);
    this._tally = new Tally(items, () => host.changed());
    this._packer = new Packer(items, context, {
      opened: (index, size) => this._tally.measured(index, size),
      unreadable: index => {
        const path = items[index].relativePath;
        this._onFileFailed(index, clientErrors.sourceChanged([path]).toData());
      }
    });
    if (items.length === 0) {
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
    switch (this._phase) {
      case 'cancelled':
        return 'cancelled';
      case 'paused':
        return 'paused';
      case 'ended':
        return this._endState;
      default:
        return this._openState;
    }
  }

  get filesDone(): number {
    const { filesArrived, filesSkipped } = this._tally;
    return filesArrived + filesSkipped + this._sum(p => p.filesSettled);
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
    return this._tally.bytesArrived + this._sum(p => p.acknowledged);
  }

  get bytesTotal(): number | null {
    return this._tally.bytesTotal;
  }

  get error(): ITransferErrorData | null {
    if (this._phase === 'ended') {
      return this._halted ?? this._tally.failures[0]?.error ?? null;
    }
    return this._wait?.error.toData() ?? null;
  }

  get retryAt(): number | null {
    return this._wait?.until ?? null;
  }

  get attempt(): number {
    return this._wait?.attempt ?? 0;
  }

  get rate(): number {
    return this._meter.rate;
  }

  get results(): string[] {
    return this._tally.results;
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
      this._stopAll();
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
      this._hurry();
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
    const kept = new Set(this._refused.flatMap(parcel => parcel.indices));
    this._stopped.push(...this._refused);
    this._refused = [];
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
    this._stopAll();
    await Promise.all([...this._running]);
    // Best effort: what cannot be deleted now expires on the server.
    const parcels = [...this._stopped, ...this._refused];
    this._stopped = [];
    this._refused = [];
    await Promise.allSettled(parcels.map(parcel => parcel.terminate()));
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
    const parcel = this._stopped.pop() ?? (await this._compose());
    if (parcel === null) {
      return;
    }
    if (!this._isOpen) {
      // Paused while its files were opened.
      this._stopped.push(parcel);
      return;
    }
    const { connectivity } = this._host;
    const { timing } = this._context;
    const more = this._host.borrow(parcel.lanes - 1);
    const delivery = new Delivery(parcel, 1 + more, connectivity, timing, {
      sent: delta => this._meter.add(delta),
      changed: () => this._host.changed()
    });
    this._active.add(delivery);
    const outcome = await delivery.run();
    this._active.delete(delivery);
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
        this._stopped.push(parcel);
        break;
      case 'failed':
        this._onFailed(parcel, outcome.error);
    }
  }

  private _onFate(fate: Fate): void {
    const { index } = fate;
    switch (fate.kind) {
      case 'done':
        this._tally.arrived(index, fate.path);
        this._report(index, fate.path, null);
        break;
      case 'skipped':
        this._tally.skipped(index);
        this._report(index, null, null);
        break;
      case 'again':
        this._packer.putBack(index);
        break;
      case 'failed':
        this._onFileFailed(index, fate.error);
    }
  }

  private _onFailed(parcel: IParcel, error: UploadError): void {
    if (error.scope === 'batch' || parcel.indices.length > 1) {
      // The others would meet the same wall; a person must act first.
      this._stopped.push(parcel);
      this._halted = error.toData();
      this._stopAll();
      return;
    }
    if (parcel.isKnown) {
      this._refused.push(parcel);
    }
    this._onFileFailed(parcel.indices[0], error.toData());
  }

  private _onFileFailed(index: number, error: ITransferErrorData): void {
    this._tally.fail(index, error);
    this._report(index, null, error);
  }

  private _report(
    index: number,
    path: string | null,
    error: ITransferErrorData | null
  ): void {
    const { onFile } = this._options;
    if (onFile) {
      // Apart from our own course: a listener that throws must not stop it.
      queueMicrotask(() => onFile(this._items[index], path, error));
    }
  }

  private _endIfIdle(): void {
    const isIdle = this._running.size === 0 && !this.isEnded;
    if (isIdle && (this._halted !== null || this._waiting === 0)) {
      this._phase = 'ended';
      this._finished.resolve();
      this._host.finished();
    }
  }

  private get _openState(): UploadState {
    const active = [...this._active];
    if (active.length === 0) {
      return 'queued';
    }
    if (this._wait !== null) {
      return 'retrying';
    }
    const isSent = this._waiting === 0 && active.every(d => d.isChecking);
    return isSent ? 'checking' : 'running';
  }

  private get _endState(): UploadState {
    if (this._halted !== null || this.filesFailed > 0) {
      return 'failed';
    }
    const all = this._items.length;
    return all > 0 && this.filesSkipped === all ? 'skipped' : 'done';
  }

  /** The pause that ends first, if all that is under way waits. */
  private get _wait(): IWait | null {
    let first: IWait | null = null;
    for (const { wait } of this._active) {
      if (wait === null) {
        return null;
      }
      if (
        first === null ||
        (wait.until ?? Infinity) < (first.until ?? Infinity)
      ) {
        first = wait;
      }
    }
    return first;
  }

  private _stopAll(): void {
    this._active.forEach(delivery => delivery.stop());
  }

  private _hurry(): void {
    this._active.forEach(delivery => delivery.hurry());
  }

  private get _isOpen(): boolean {
    return this._phase === 'open' && this._halted === null;
  }

  /** How much waits for a connection: files and begun parcels. */
  private get _waiting(): number {
    return this._packer.length + this._stopped.length;
  }

  /** Add up over all that is begun and not whole. */
  private _sum(value: (parcel: IParcel) => number): number {
    let sum = 0;
    this._active.forEach(({ parcel }) => (sum += value(parcel)));
    this._stopped.forEach(parcel => (sum += value(parcel)));
    this._refused.forEach(parcel => (sum += value(parcel)));
    return sum;
  }

  private _items: readonly IUploadItem[];
  private _options: IUploadOptions;
  private _context: IUploadContext;
  private _host: IBatchHost;
  private _packer: Packer;
  private _tally: Tally;
  private _phase: Phase = 'open';
  private _halted: ITransferErrorData | null = null;
  private _composing = 0;
  private _active = new Set<Delivery>();
  private _running = new Set<Promise<void>>();
  /** Begun and to be taken up again. */
  private _stopped: IParcel[] = [];
  /** Files that failed and of which the server has a part. */
  private _refused: IParcel[] = [];
  private _meter = new RateMeter();
  private _finished = new PromiseDelegate<void>();
}
