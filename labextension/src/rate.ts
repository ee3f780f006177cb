/**
 * How fast bytes arrive, steady enough to read.
 *
 * An exponential filter whose memory halves every two seconds; it says nothing
 * for the first two seconds, and falls off by itself when nothing more comes.
 */

const HALF_LIFE = 2000;
const WARM_UP = 2000;

/** Silence up to this long is the rhythm of the news, not a stall. */
const PATIENCE = 1500;

export class RateFilter {
  /**
   * @param bytes - Bytes done so far.
   * @param now - Milliseconds, of a clock that never goes back.
   */
  update(bytes: number, now: number): void {
    if (this._bytes === null || bytes < this._bytes) {
      // The first news, or a transfer that began anew.
      this.reset();
      this._bytes = bytes;
      this._start = this._last = now;
      return;
    }
    const elapsed = now - this._last;
    // News of others comes between: only a long standstill counts as one.
    if (elapsed <= 0 || (bytes === this._bytes && elapsed < PATIENCE)) {
      return;
    }
    const memory = Math.pow(2, -elapsed / HALF_LIFE);
    const current = (bytes - this._bytes) / elapsed;
    this._sum = this._sum * memory + current * (1 - memory);
    this._weight = this._weight * memory + (1 - memory);
    this._bytes = bytes;
    this._last = now;
  }

  /** Forget all, e.g. because of a pause. */
  reset(): void {
    this._bytes = null;
    this._sum = 0;
    this._weight = 0;
  }

  /** Bytes a second, or null while it is too early to say. */
  rate(now: number): number | null {
    if (this._bytes === null || now - this._start < WARM_UP || !this._weight) {
      return null;
    }
    const silence = Math.max(0, now - this._last - PATIENCE);
    const fade = Math.pow(2, -silence / HALF_LIFE);
    return (this._sum / this._weight) * fade * 1000;
  }

  private _bytes: number | null = null;
  private _start = 0;
  private _last = 0;
  private _sum = 0;
  private _weight = 0;
}
