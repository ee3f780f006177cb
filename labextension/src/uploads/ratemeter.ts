/** Milliseconds after which a measurement counts half. */
const HALF_LIFE = 2000;

/** Milliseconds of one measurement: events come in bursts. */
const STEP = 250;

/** Bytes a second by an exponential filter. */
export class RateMeter {
  /** `bytes` moved now; negative values (a request begins anew) do not count. */
  add(bytes: number): void {
    this._pending += Math.max(bytes, 0);
    this._roll();
  }

  /** Bytes a second. */
  get rate(): number {
    this._roll();
    return this._rate ?? 0;
  }

  private _roll(): void {
    const now = Date.now();
    const elapsed = now - this._last;
    if (elapsed < STEP) {
      return;
    }
    if (this._last > 0) {
      const measured = (this._pending / elapsed) * 1000;
      // The first measurement stands for itself; else the filter would creep up from 0.
      const old = this._rate ?? measured;
      this._rate =
        measured + (old - measured) * Math.pow(2, -elapsed / HALF_LIFE);
    }
    this._pending = 0;
    this._last = now;
  }

  private _last = 0;
  private _pending = 0;
  private _rate: number | null = null;
}
