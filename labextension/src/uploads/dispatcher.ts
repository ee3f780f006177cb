import type { IBatchHost } from './batchhost';
import { BegunParcels } from './begunparcels';
import type { Outcome } from './delivery';
import { Delivery } from './delivery';
import type { UploadError } from './errors';
import { clientErrors } from './errors';
import { Packer } from './packer';
import type { Fate, IParcel } from './parcel';
import { RateMeter } from './ratemeter';
import type { ITransferErrorData, IUploadItem } from './tokens';
import type { IUploadContext } from './upload';

/** What became of a file for now: only a person's act changes it. */
export type SettledFate = Exclude<Fate, { kind: 'again' }>;

export interface IDispatcherListener {
  /** Whether the batch wants to be sent. */
  isOpen(): boolean;
  /** A file was opened and has so many bytes. */
  opened(index: number, size: number): void;
  settled(fate: SettledFate): void;
}

/**
 * Sends the files of a batch: takes up one parcel for each connection that it is
 * given, and deals with how it ended.
 */
export class Dispatcher {
  constructor(
    items: readonly IUploadItem[],
    private _context: IUploadContext,
    private _host: IBatchHost,
    private _listener: IDispatcherListener
  ) {
    this._packer = new Packer(items, _context, {
      opened: (index, size) => _listener.opened(index, size),
      unreadable: index => {
        const { relativePath } = items[index];
        const error = clientErrors.sourceChanged([relativePath]).toData();
        _listener.settled({ kind: 'failed', index, error });
      }
    });
  }

  readonly parcels = new BegunParcels();

  /** What stopped all of it, not one file; null when all is well. */
  get halted(): ITransferErrorData | null {
    return this._halted;
  }

  /** Connections in use. */
  get connections(): number {
    return this._running.size;
  }

  /** How much waits for a connection: files and begun parcels. */
  get waiting(): number {
    return this._packer.length + this.parcels.waiting;
  }

  /** Whether another connection would be of use. */
  get isWanting(): boolean {
    // What is being put together has its connection already.
    return this._isOpen && this.waiting > this._composing;
  }

  /** Whether nothing is under way, and nothing will be by itself. */
  get isIdle(): boolean {
    const isOver = this._halted !== null || this.waiting === 0;
    return this._running.size === 0 && isOver;
  }

  /** Bytes a second put on the wire, smoothed. */
  get rate(): number {
    return this._meter.rate;
  }

  /** Take up what is next. Resolves, when the connection is free again. */
  async begin(): Promise<void> {
    const running = this._begin();
    this._running.add(running);
    await running;
    this._running.delete(running);
  }

  /** Send what was stopped or refused again, and the files that `failed`. */
  forgive(failed: readonly number[]): void {
    const kept = this.parcels.forgive();
    failed
      .filter(index => !kept.has(index))
      .forEach(index => this._packer.putBack(index));
    this._halted = null;
  }

  /** Stop for good; the server forgets what is unfinished. */
  async abandon(): Promise<void> {
    this._packer.clear();
    this.parcels.stop();
    await Promise.all([...this._running]);
    await this.parcels.terminate();
  }

  private get _isOpen(): boolean {
    return this._listener.isOpen() && this._halted === null;
  }

  private async _begin(): Promise<void> {
    const parcel = this.parcels.take() ?? (await this._compose());
    if (parcel === null) {
      return;
    }
    if (!this._isOpen) {
      // Paused while its files were opened.
      this.parcels.keep(parcel);
      return;
    }
    const { connectivity } = this._host;
    const { timing } = this._context;
    const more = this._host.borrow(parcel.lanes - 1);
    const delivery = new Delivery(parcel, 1 + more, connectivity, timing, {
      sent: delta => this._meter.add(delta),
      changed: () => this._host.changed()
    });
    this.parcels.started(delivery);
    const outcome = await delivery.run();
    this.parcels.ended(delivery);
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
        this.parcels.keep(parcel);
        break;
      case 'failed':
        this._onFailed(parcel, outcome.error);
    }
  }

  private _onFate(fate: Fate): void {
    if (fate.kind === 'again') {
      this._packer.putBack(fate.index);
    } else {
      this._listener.settled(fate);
    }
  }

  private _onFailed(parcel: IParcel, error: UploadError): void {
    if (error.scope === 'batch' || parcel.indices.length !== 1) {
      // The others would meet the same wall; a person must act first.
      this.parcels.keep(parcel);
      this._halted = error.toData();
      this.parcels.stop();
      return;
    }
    if (parcel.isKnown) {
      this.parcels.refuse(parcel);
    }
    const [index] = parcel.indices;
    this._onFate({ kind: 'failed', index, error: error.toData() });
  }

  private _packer: Packer;
  private _halted: ITransferErrorData | null = null;
  private _composing = 0;
  private _running = new Set<Promise<void>>();
  private _meter = new RateMeter();
}
