/**
 * A file of transfers (YAML): the jobs that the server would make of it, and what
 * it wants to know before.
 */

import type { IDisposable } from '@lumino/disposable';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';
import type { TransferApi } from './api';
import { TransferError } from './api';
import type { IPlannedTransfer } from './job';

/** Milliseconds after the last key before the server is asked. */
const PAUSE = 400;

export type FileState =
  | { readonly state: 'empty' }
  | { readonly state: 'looking' }
  | { readonly state: 'failed'; readonly error: TransferError }
  | {
      readonly state: 'known';
      readonly transfers: readonly IPlannedTransfer[];
    };

/** Reads a file of the server or of this computer. */
export type ReadText = () => Promise<string>;

const EMPTY: FileState = { state: 'empty' };

export class JobFile implements IDisposable {
  constructor(private _api: Pick<TransferApi, 'planFile' | 'applyFile'>) {}

  /** Emitted when anything below changed. */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  get result(): FileState {
    return this._result;
  }

  /** Claims that no folder is known of, and those that the person named one for. */
  get claims(): readonly string[] {
    return [...this._openClaims];
  }

  /** Values that nobody found, and those that the person entered. */
  get missing(): readonly string[] {
    return [...this._openValues];
  }

  /** Whether all of its transfers can be started as they are. */
  get isReady(): boolean {
    return (
      this._result.state === 'known' &&
      this._result.transfers.every(({ error }) => error === null)
    );
  }

  folderOf(claim: string): string {
    return this._folders[claim] ?? '';
  }

  /** Which folder of the server a claim is; nothing is the root. */
  setFolder(claim: string, folder: string): void {
    this._folders = { ...this._folders, [claim]: folder };
    this._lookSoon();
  }

  valueOf(path: string): string {
    return this._values[path] ?? '';
  }

  /** A value that the file refers to; it goes to the server's memory only. */
  setValue(path: string, value: string): void {
    this._values = { ...this._values, [path]: value };
    this._lookSoon();
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  dispose(): void {
    this._isDisposed = true;
    clearTimeout(this._timer);
    Signal.clearData(this);
  }

  /** Take another file: nothing of the last one stays. */
  async load(read: ReadText): Promise<void> {
    const turn = this._begin();
    this._openClaims.clear();
    this._openValues.clear();
    this._folders = {};
    this._values = {};
    this._text = null;
    try {
      const text = await read();
      if (turn === this._turn) {
        this._text = text;
        await this._look();
      }
    } catch (reason) {
      this._settle(turn, {
        state: 'failed',
        error: TransferError.from(reason)
      });
    }
  }

  /** No file at all. */
  clear(): void {
    this._settle(this._begin(), EMPTY);
    this._text = null;
  }

  /**
   * Start its transfers, all of them or none.
   *
   * @throws TransferError
   */
  async start(): Promise<void> {
    await this._api.applyFile(this._request(this._text ?? ''));
  }

  private _lookSoon(): void {
    clearTimeout(this._timer);
    this._timer = setTimeout(() => void this._look(), PAUSE);
    this._changed.emit();
  }

  private async _look(): Promise<void> {
    if (this._text === null) {
      return;
    }
    const turn = this._begin();
    try {
      const transfers = await this._api.planFile(this._request(this._text));
      if (turn === this._turn) {
        this._remember(transfers);
        this._settle(turn, { state: 'known', transfers });
      }
    } catch (reason) {
      this._settle(turn, {
        state: 'failed',
        error: TransferError.from(reason)
      });
    }
  }

  /** What was asked once stays a field, so that it can be corrected. */
  private _remember(transfers: readonly IPlannedTransfer[]): void {
    for (const { error, missing } of transfers) {
      const claim = error?.detail?.['claim'];
      if (typeof claim === 'string') {
        this._openClaims.add(claim);
      }
      missing.forEach(path => this._openValues.add(path));
    }
  }

  private _request(text: string) {
    const entered = Object.entries(this._values).filter(([, value]) => value);
    const named = Object.entries(this._folders).map(([claim, folder]) => [
      claim,
      folder.trim().replace(/^\/+|\/+$/g, '')
    ]);
    return {
      text,
      claims: Object.fromEntries(named),
      secrets: Object.fromEntries(entered)
    };
  }

  private _begin(): number {
    clearTimeout(this._timer);
    if (this._result.state !== 'known') {
      this._result = { state: 'looking' };
    }
    this._changed.emit();
    return ++this._turn;
  }

  private _settle(turn: number, result: FileState): void {
    if (turn === this._turn && !this._isDisposed) {
      this._result = result;
      this._changed.emit();
    }
  }

  private _changed = new Signal<this, void>(this);
  private _folders: Readonly<Record<string, string>> = {};
  private _isDisposed = false;
  private _openClaims = new Set<string>();
  private _openValues = new Set<string>();
  private _result: FileState = EMPTY;
  private _text: string | null = null;
  private _timer: ReturnType<typeof setTimeout> | undefined;
  private _turn = 0;
  private _values: Readonly<Record<string, string>> = {};
}
