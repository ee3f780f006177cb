/**
 * What interrupted transfers have left on the disk of the server and at
 * services: the list, and what becomes of each entry that is cleaned.
 */

import type { IDisposable } from '@lumino/disposable';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';
import type { TransferApi } from './api';
import { TransferError } from './api';
import { forEachAtMost } from './atmost';

/** Removed at a time. */
const AT_ONCE = 4;

export interface IRemain {
  readonly id: string;
  /** A path below the server's root; of one at a service an address. */
  readonly path: string;
  /** Bytes; null where the service does not tell. */
  readonly size: number | null;
  /** When it was last written to, ISO 8601. */
  readonly modified: string;
  readonly where: 'disk' | 'service';
}

/** What `GET leftovers` answers. */
export interface ILeftoversFound {
  readonly leftovers: readonly IRemain[];
  /** Bytes of those on the disk. */
  readonly bytes: number;
  /** Whether all folders were looked into. */
  readonly complete: boolean;
}

/** What was removed since the list was opened. */
export interface ICleaned {
  readonly count: number;
  /** Bytes, as far as they are known. */
  readonly bytes: number;
}

export class Leftovers implements IDisposable {
  constructor(
    private _api: Pick<TransferApi, 'leftovers' | 'removeLeftover'>
  ) {}

  /** Emitted when anything below changed. */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** What there is; null until the server has looked. */
  get entries(): readonly IRemain[] | null {
    return this._entries;
  }

  /** Whether the server is looking. */
  get isLooking(): boolean {
    return this._isLooking;
  }

  /** Whether the server had the time to look everywhere. */
  get isComplete(): boolean {
    return this._isComplete;
  }

  /** Why the list did not come; null when it came. */
  get problem(): TransferError | null {
    return this._problem;
  }

  get cleaned(): ICleaned {
    return this._cleaned;
  }

  /** How many were struck off the list: they are still where they lie. */
  get forgotten(): number {
    return this._forgotten;
  }

  /** How far the removal of all is; null while there is none. */
  get progress(): { readonly done: number; readonly total: number } | null {
    return this._progress;
  }

  /** Why an entry could not be removed. */
  failure(entry: IRemain): TransferError | null {
    return this._failures.get(entry.id) ?? null;
  }

  /** Whether an entry is being removed. */
  isBusy(entry: IRemain): boolean {
    return this._busy.has(entry.id);
  }

  /** Whether an entry can be struck off the list: its service cannot be asked. */
  canForget(entry: IRemain): boolean {
    const isUnknown = entry.size === null || this._failures.has(entry.id);
    return entry.where === 'service' && isUnknown;
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  /** What was not begun to be removed stays. */
  dispose(): void {
    this._isDisposed = true;
    Signal.clearData(this);
  }

  async look(): Promise<void> {
    if (this._isLooking) {
      return;
    }
    this._isLooking = true;
    this._emit();
    try {
      const { leftovers, complete } = await this._api.leftovers();
      this._entries = leftovers;
      this._isComplete = complete;
      this._problem = null;
      this._failures.clear();
    } catch (reason) {
      this._problem = TransferError.from(reason);
    }
    this._isLooking = false;
    this._emit();
  }

  /** Remove `entry` from where it lies. */
  async clean(entry: IRemain): Promise<void> {
    if (await this._remove(entry, false)) {
      const { count, bytes } = this._cleaned;
      this._cleaned = { count: count + 1, bytes: bytes + (entry.size ?? 0) };
    }
    this._emit();
  }

  /** Strike `entry` off the list; what lies at its service stays there. */
  async forget(entry: IRemain): Promise<void> {
    if (await this._remove(entry, true)) {
      this._forgotten += 1;
    }
    this._emit();
  }

  /** Remove all; what cannot be removed stays in the list with the reason. */
  async cleanAll(): Promise<void> {
    if (this._progress) {
      return;
    }
    const all = this._entries ?? [];
    this._progress = { done: 0, total: all.length };
    this._emit();
    await forEachAtMost(AT_ONCE, all, async entry => {
      if (this._progress && !this._isDisposed) {
        await this.clean(entry);
        const { done, total } = this._progress;
        this._progress = { done: done + 1, total };
      }
    });
    this._progress = null;
    this._emit();
  }

  /** @returns Whether it was removed now; it may be gone already. */
  private async _remove(entry: IRemain, forget: boolean): Promise<boolean> {
    if (this._busy.has(entry.id)) {
      return false;
    }
    this._busy.add(entry.id);
    this._failures.delete(entry.id);
    this._emit();
    let removed = true;
    try {
      await this._api.removeLeftover(entry.id, forget);
    } catch (reason) {
      const error = TransferError.from(reason);
      removed = false;
      if (error.code !== 'not_found') {
        this._failures.set(entry.id, error);
      }
    }
    this._busy.delete(entry.id);
    if (!this._failures.has(entry.id)) {
      this._entries = this._entries!.filter(({ id }) => id !== entry.id);
    }
    return removed;
  }

  private _emit(): void {
    if (!this._isDisposed) {
      this._changed.emit();
    }
  }

  private _busy = new Set<string>();
  private _changed = new Signal<this, void>(this);
  private _cleaned: ICleaned = { count: 0, bytes: 0 };
  private _entries: readonly IRemain[] | null = null;
  private _forgotten = 0;
  private _failures = new Map<string, TransferError>();
  private _isComplete = true;
  private _isDisposed = false;
  private _isLooking = false;
  private _problem: TransferError | null = null;
  private _progress: { done: number; total: number } | null = null;
}
