/**
 * Looks at an address while it is being typed: waits for a pause, and forgets
 * answers to what was typed before.
 */

import type { IDisposable } from '@lumino/disposable';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';
import { TransferError } from './api';
import type { IProbe, OptionValue } from './job';

/** Milliseconds without a key before the server is asked. */
const PAUSE = 400;

/** A scheme and something after it. */
const COMPLETE = /^[a-z][a-z0-9+.-]*:\/\/[^\s/]+/i;

export type IProbeResult =
  | { readonly state: 'empty' }
  | { readonly state: 'looking' }
  | { readonly state: 'found'; readonly probe: IProbe }
  | { readonly state: 'failed'; readonly error: TransferError };

export type Options = Readonly<Record<string, OptionValue>>;

export class Prober implements IDisposable {
  constructor(probe: (address: string, options: Options) => Promise<IProbe>) {
    this._probe = probe;
  }

  /** Emitted when `result` changed. */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  get result(): IProbeResult {
    return this._result;
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  dispose(): void {
    this._isDisposed = true;
    clearTimeout(this._timer);
    Signal.clearData(this);
  }

  /** Look at `text`, with `options`, once both stay the same for a moment. */
  look(text: string, options: Options = {}): void {
    const address = text.trim();
    const question = JSON.stringify([address, options]);
    if (question === this._question) {
      return;
    }
    this._question = question;
    clearTimeout(this._timer);
    if (!COMPLETE.test(address)) {
      this._set({ state: 'empty' });
      return;
    }
    this._set({ state: 'looking' });
    this._timer = window.setTimeout(
      () => void this._ask(question, address, options),
      PAUSE
    );
  }

  /** Ask once more what was asked last. */
  again(): void {
    const [address, options] = JSON.parse(this._question);
    if (COMPLETE.test(address)) {
      clearTimeout(this._timer);
      this._set({ state: 'looking' });
      void this._ask(this._question, address, options);
    }
  }

  private async _ask(
    question: string,
    address: string,
    options: Options
  ): Promise<void> {
    let result: IProbeResult;
    try {
      result = { state: 'found', probe: await this._probe(address, options) };
    } catch (reason) {
      result = { state: 'failed', error: TransferError.from(reason) };
    }
    if (question === this._question && !this._isDisposed) {
      this._set(result);
    }
  }

  private _set(result: IProbeResult): void {
    this._result = result;
    this._changed.emit();
  }

  private _changed = new Signal<this, void>(this);
  private _isDisposed = false;
  private _probe: (address: string, options: Options) => Promise<IProbe>;
  private _question = JSON.stringify(['', {}]);
  private _result: IProbeResult = { state: 'empty' };
  private _timer: number | undefined;
}
