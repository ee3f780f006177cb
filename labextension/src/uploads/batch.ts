import { PromiseDelegate, UUID } from '@lumino/coreutils';
import { nameOf } from './items';
import type { Connectivity } from './connectivity';
import type { IWait, Outcome } from './delivery';
import { Delivery } from './delivery';
import type { UploadError } from './errors';
import { RateMeter } from './ratemeter';
import type {
  ITransferErrorData,
  IUploadBatch,
  IUploadFailure,
  IUploadItem,
  IUploadOptions,
  UploadState
} from './tokens';
import { lanesFor, SegmentedUpload } from './segmentedupload';
import type { IUpload, IUploadContext } from './tusupload';
import { TusUpload } from './tusupload';
import { Worklist } from './worklist';

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

/** Files whose sizes are added up in one go. */
const COUNT_SLICE = 2000;

/** How the batch as a whole stands; what is under way says the rest. */
type Phase = 'open' | 'paused' | 'ended' | 'cancelled';

/**
 * Files that were given together.
 *
 * Only the few files that are under way, or were begun and stopped, have an
 * object; everything else is a counter, so that every getter costs the same
 * whatever the number of files.
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
    this._work = new Worklist(items.length);
    this.name = options.name ?? nameOf(items);
    this._countBytes(0);
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
    return this._filesArrived + this._filesSkipped;
  }

  get filesTotal(): number {
    return this._items.length;
  }

  get filesFailed(): number {
    return this._failures.length;
  }

  get filesSkipped(): number {
    return this._filesSkipped;
  }

  get bytesDone(): number {
    return this._bytesDone;
  }

  get bytesTotal(): number {
    return this._bytesTotal;
  }

  get error(): ITransferErrorData | null {
    if (this._phase === 'ended') {
      return this._halted ?? this._failures[0]?.error ?? null;
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
    return this._results;
  }

  get failures(): readonly IUploadFailure[] {
    return this._failures;
  }

  get finished(): Promise<void> {
    return this._finished.promise;
  }

  /** Connections in use. */
  get connections(): number {
    return this._active.size;
  }

  /** Whether another connection would be of use. */
  get isWanting(): boolean {
    return (
      this._phase === 'open' && this._halted === null && this._work.length > 0
    );
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
    this._failed.forEach(index => this._work.putBack(index));
    this._failed = [];
    this._failures = [];
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
    this._work.clear();
    this._stopAll();
    await Promise.all([...this._running]);
    // Best effort: what cannot be deleted now expires on the server.
    const uploads = [...this._begun.values()];
    this._begun.clear();
    await Promise.allSettled(uploads.map(upload => upload.terminate()));
    if (!wasEnded) {
      this._finished.resolve();
      this._host.finished();
    }
    this._host.changed();
  }

  /** Take up the next file. Resolves, when the connection is free again. */
  async begin(): Promise<void> {
    const index = this._work.take();
    if (index === undefined) {
      return;
    }
    const running = this._deliver(index);
    this._running.add(running);
    await running;
    this._running.delete(running);
  }

  private async _deliver(index: number): Promise<void> {
    const lanes = lanesFor(this._items[index].file.size);
    const upload = this._begun.get(index) ?? this._newUpload(index, lanes);
    this._begun.set(index, upload);
    const { connectivity } = this._host;
    const { timing } = this._context;
    const more = this._host.borrow(lanes - 1);
    const delivery = new Delivery(upload, 1 + more, connectivity, timing, {
      acknowledged: delta => this._onAcknowledged(delta),
      sent: delta => this._meter.add(delta),
      changed: () => this._host.changed()
    });
    this._active.add(delivery);
    const outcome = await delivery.run();
    this._active.delete(delivery);
    this._host.giveBack(more);
    this._onOutcome(index, outcome);
    this._endIfIdle();
    this._host.changed();
  }

  private _newUpload(index: number, lanes: number): IUpload {
    const item = this._items[index];
    return lanes > 1
      ? new SegmentedUpload(item, this._context)
      : new TusUpload(item, this._context);
  }

  private _onAcknowledged(delta: number): void {
    this._bytesDone += delta;
    this._host.changed();
  }

  private _onOutcome(index: number, outcome: Outcome): void {
    const { size } = this._items[index].file;
    switch (outcome.kind) {
      case 'done':
        this._begun.delete(index);
        this._filesArrived += 1;
        this._results.push(outcome.path);
        this._report(index, outcome.path, null);
        break;
      case 'skipped':
        this._begun.delete(index);
        this._filesSkipped += 1;
        this._bytesTotal -= size;
        this._report(index, null, null);
        break;
      case 'stopped':
        this._work.putBack(index);
        break;
      case 'failed':
        this._onFailed(index, outcome.error);
    }
  }

  private _onFailed(index: number, error: UploadError): void {
    if (error.scope === 'batch') {
      // The others would meet the same wall; a person must act first.
      this._work.putBack(index);
      this._halted = error.toData();
      this._stopAll();
      return;
    }
    if (!this._begun.get(index)?.isKnown) {
      this._begun.delete(index);
    }
    this._failed.push(index);
    this._failures.push({ item: this._items[index], error: error.toData() });
    this._report(index, null, error.toData());
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
    const isIdle = this._active.size === 0 && !this.isEnded;
    if (isIdle && (this._halted !== null || this._work.length === 0)) {
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
    const isSent = this._work.length === 0 && active.every(d => d.isChecking);
    return isSent ? 'checking' : 'running';
  }

  private get _endState(): UploadState {
    if (this._halted !== null || this._failures.length > 0) {
      return 'failed';
    }
    const all = this._items.length;
    return all > 0 && this._filesSkipped === all ? 'skipped' : 'done';
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

  /** Add up the sizes from `start` on, a slice at a time: each may cost a system call. */
  private _countBytes(start: number): void {
    const end = Math.min(start + COUNT_SLICE, this._items.length);
    for (let index = start; index < end; index++) {
      this._bytesTotal += this._items[index].file.size;
    }
    if (end < this._items.length) {
      window.setTimeout(() => {
        this._countBytes(end);
        this._host.changed();
      });
    }
  }

  private _items: readonly IUploadItem[];
  private _options: IUploadOptions;
  private _context: IUploadContext;
  private _host: IBatchHost;
  private _work: Worklist;
  private _phase: Phase = 'open';
  private _halted: ITransferErrorData | null = null;
  private _active = new Set<Delivery>();
  private _running = new Set<Promise<void>>();
  /** Uploads of which the server may have a part, by index. */
  private _begun = new Map<number, IUpload>();
  private _failed: number[] = [];
  private _failures: IUploadFailure[] = [];
  private _results: string[] = [];
  private _filesArrived = 0;
  private _filesSkipped = 0;
  private _bytesDone = 0;
  private _bytesTotal = 0;
  private _meter = new RateMeter();
  private _finished = new PromiseDelegate<void>();
}
