/**
 * The report of a job, page by page as it is looked at: it may have a million
 * rows, of which the page keeps a few.
 */

import type { IDisposable } from '@lumino/disposable';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';
import { TransferError } from './api';
import type { IFilePage, IFileQuery, IJobFile } from './job';

/** Rows asked for at once. */
export const PAGE = 200;

/** Pages that are kept. */
const KEPT = 20;

export class FilePages implements IDisposable {
  constructor(private _ask: (query: IFileQuery) => Promise<IFilePage>) {}

  /** Emitted when rows, `total` or `problem` changed. */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** How many rows there are; null until the first page is there. */
  get total(): number | null {
    return this._total;
  }

  /** Why the last page did not come; null when it came. */
  get problem(): TransferError | null {
    return this._problem;
  }

  /** The only state whose rows are shown; undefined for all. */
  get state(): string | undefined {
    return this._state;
  }

  set state(value: string | undefined) {
    if (value !== this._state) {
      this._state = value;
      this._pages.clear();
      this._total = null;
      this._round += 1;
      this._pending.clear();
      this.need(0, 1);
    }
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  dispose(): void {
    this._isDisposed = true;
    Signal.clearData(this);
  }

  /** The row at `index`; undefined while it is on its way. */
  row(index: number): IJobFile | undefined {
    return this._pages.get(Math.floor(index / PAGE))?.[index % PAGE];
  }

  /** The rows from `first` up to, without, `end` are looked at: fetch what is missing. */
  need(first: number, end: number): void {
    const last = Math.floor(Math.max(first, end - 1) / PAGE);
    this._looked = [first, end];
    for (let page = Math.floor(first / PAGE); page <= last; page++) {
      if (!this._pages.has(page)) {
        void this._load(page);
      }
    }
  }

  /** The job has changed: what is looked at may be old. Old rows stay till then. */
  refresh(): void {
    const [first, end] = this._looked;
    const last = Math.floor(Math.max(first, end - 1) / PAGE);
    for (const page of [...this._pages.keys()]) {
      if (page < Math.floor(first / PAGE) || page > last) {
        this._pages.delete(page);
      }
    }
    for (let page = Math.floor(first / PAGE); page <= last; page++) {
      void this._load(page);
    }
  }

  private async _load(page: number): Promise<void> {
    if (this._pending.has(page) || this._isDisposed) {
      return;
    }
    const round = this._round;
    this._pending.add(page);
    try {
      const { files, total } = await this._ask({
        limit: PAGE,
        offset: page * PAGE,
        state: this._state
      });
      if (round !== this._round) {
        return;
      }
      this._keep(page, files);
      this._total = total;
      this._problem = null;
    } catch (reason) {
      this._problem = TransferError.from(reason);
    } finally {
      if (round === this._round) {
        this._pending.delete(page);
      }
    }
    if (!this._isDisposed) {
      this._changed.emit();
    }
  }

  private _keep(page: number, files: readonly IJobFile[]): void {
    // The oldest goes first: a map knows in which order its keys came.
    this._pages.delete(page);
    this._pages.set(page, files);
    const [oldest] = this._pages.keys();
    if (this._pages.size > KEPT) {
      this._pages.delete(oldest);
    }
  }

  private _changed = new Signal<this, void>(this);
  private _isDisposed = false;
  private _looked: [number, number] = [0, 1];
  private _pages = new Map<number, readonly IJobFile[]>();
  private _pending = new Set<number>();
  private _problem: TransferError | null = null;
  /** Answers of an earlier round are of no use. */
  private _round = 0;
  private _state: string | undefined;
  private _total: number | null = null;
}
