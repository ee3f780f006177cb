import type { Delivery, IWait } from './delivery';
import type { IParcel } from './parcel';

/**
 * The parcels of a batch that were begun: on their way, stopped and to be taken
 * up again, or refused, where the server has a part of a file that failed.
 */
export class BegunParcels {
  get deliveries(): ReadonlySet<Delivery> {
    return this._active;
  }

  /** How many wait to be taken up again. */
  get waiting(): number {
    return this._stopped.length;
  }

  /** The pause that ends first, if all that is under way waits. */
  get wait(): IWait | null {
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

  /** Add up over all that is begun and not whole. */
  sum(value: (parcel: IParcel) => number): number {
    let sum = 0;
    this._active.forEach(({ parcel }) => (sum += value(parcel)));
    this._stopped.forEach(parcel => (sum += value(parcel)));
    this._refused.forEach(parcel => (sum += value(parcel)));
    return sum;
  }

  started(delivery: Delivery): void {
    this._active.add(delivery);
  }

  ended(delivery: Delivery): void {
    this._active.delete(delivery);
  }

  /** It is to be taken up again. */
  keep(parcel: IParcel): void {
    this._stopped.push(parcel);
  }

  /** The next one to be taken up again. */
  take(): IParcel | undefined {
    return this._stopped.pop();
  }

  refuse(parcel: IParcel): void {
    this._refused.push(parcel);
  }

  /** Let the refused ones be taken up again; the places of their files. */
  forgive(): ReadonlySet<number> {
    const refused = this._refused;
    this._refused = [];
    this._stopped.push(...refused);
    return new Set(refused.flatMap(parcel => parcel.indices));
  }

  /** Give up all that is not on its way. */
  async terminate(): Promise<void> {
    const parcels = [...this._stopped, ...this._refused];
    this._stopped = [];
    this._refused = [];
    // Best effort: what cannot be deleted now expires on the server.
    await Promise.allSettled(parcels.map(parcel => parcel.terminate()));
  }

  /** Stop all that is on its way; it may go on later. */
  stop(): void {
    this._active.forEach(delivery => delivery.stop());
  }

  /** End all pauses: try again at once. */
  hurry(): void {
    this._active.forEach(delivery => delivery.hurry());
  }

  private _active = new Set<Delivery>();
  private _stopped: IParcel[] = [];
  private _refused: IParcel[] = [];
}
