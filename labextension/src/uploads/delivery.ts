import type { Connectivity } from './connectivity';
import { clientErrors, UploadError } from './errors';
import type { ITiming } from './timing';
import { Stopped } from './transport';
import type { Fate, IParcel } from './parcel';
import type { IUploadListener } from './upload';

/** How often a file is tried again when the server is in trouble. */
const LIMITED_ATTEMPTS = 5;

/** How a delivery ended. `stopped`: on purpose, it may go on later. */
export type Outcome =
  | { readonly kind: 'done'; readonly fates: readonly Fate[] }
  | { readonly kind: 'failed'; readonly error: UploadError }
  | { readonly kind: 'stopped' };

/** A pause between two attempts. */
export interface IWait {
  readonly error: UploadError;
  /** Milliseconds since the epoch; null: when the network is back. */
  readonly until: number | null;
  /** The number of the attempt that follows, from 1. */
  readonly attempt: number;
}

export interface IDeliveryListener {
  sent(delta: number): void;
  /** `wait`, `isChecking` or what is acknowledged changed. */
  changed(): void;
}

/**
 * One parcel from the first byte to the last, over any number of attempts.
 * Pauses between them grow exponentially with full jitter, so that many
 * browsers do not all come back at once to a server that just came up.
 */
export class Delivery implements IUploadListener {
  constructor(
    readonly parcel: IParcel,
    private _lanes: number,
    connectivity: Connectivity,
    timing: ITiming,
    listener: IDeliveryListener
  ) {
    this._connectivity = connectivity;
    this._timing = timing;
    this._listener = listener;
  }

  get wait(): IWait | null {
    return this._wait;
  }

  /** Whether all bytes left and the server has not answered yet. */
  get isChecking(): boolean {
    return this._isChecking;
  }

  /** Never rejects. */
  async run(): Promise<Outcome> {
    const { signal } = this._abort;
    for (;;) {
      try {
        const fates = await this.parcel.send(signal, this, this._lanes);
        return { kind: 'done', fates };
      } catch (error) {
        if (signal.aborted || error instanceof Stopped) {
          return { kind: 'stopped' };
        }
        const failure = asUploadError(error);
        if (!this._mayTryAgain(failure)) {
          return { kind: 'failed', error: failure };
        }
        await this._pause(failure);
      }
    }
  }

  /** End the delivery; what the server has stays there. */
  stop(): void {
    this._abort.abort();
    this._waiting.abort();
  }

  /** End the present pause: try again at once. */
  hurry(): void {
    this._waiting.abort();
  }

  acknowledged(delta: number): void {
    if (delta > 0) {
      this._failures = 0;
      this._connectivity.serverFound();
    }
    this._listener.changed();
  }

  sent(delta: number): void {
    this._listener.sent(delta);
  }

  checking(value: boolean): void {
    if (value !== this._isChecking) {
      this._isChecking = value;
      this._listener.changed();
    }
  }

  private _mayTryAgain(error: UploadError): boolean {
    this._failures += 1;
    return (
      error.recovery === 'forever' ||
      (error.recovery === 'limited' && this._failures <= LIMITED_ATTEMPTS)
    );
  }

  private async _pause(error: UploadError): Promise<void> {
    const { backoff, backoffMax, offline } = this._timing;
    const attempt = this._failures;
    // A server that says when to come again means it.
    const forServer = error.recovery === 'forever' && error.retryAfter === 0;
    let delay: number;
    if (error.status === 0 && this._connectivity.isOffline) {
      delay = offline;
      this._setWait({ error: clientErrors.offline(), until: null, attempt });
    } else {
      const bound = Math.min(backoff * 2 ** (attempt - 1), backoffMax);
      delay = Math.max(Math.random() * bound, error.retryAfter);
      this._setWait({ error, until: Date.now() + delay, attempt });
    }
    this._waiting = new AbortController();
    await this._connectivity.pause(delay, this._waiting.signal, forServer);
    this._setWait(null);
  }

  private _setWait(wait: IWait | null): void {
    this._wait = wait;
    this._listener.changed();
  }

  private _connectivity: Connectivity;
  private _timing: ITiming;
  private _listener: IDeliveryListener;
  private _abort = new AbortController();
  private _waiting = new AbortController();
  private _failures = 0;
  private _wait: IWait | null = null;
  private _isChecking = false;
}

function asUploadError(error: unknown): UploadError {
  if (error instanceof UploadError) {
    return error;
  }
  const what = error instanceof Error ? error.message : String(error);
  return clientErrors.protocol(what);
}
