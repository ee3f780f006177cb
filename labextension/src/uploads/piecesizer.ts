import type { UploadError } from './errors';
import { clientErrors } from './errors';

/** Bytes. */
const KIB = 1024;
const MIB = 1024 * KIB;

/** nginx and many ingresses refuse more than 1 MiB unless told otherwise. */
const START = 512 * KIB;
const MIN = 64 * KIB;
const MAX = 256 * MIB;

/** How fast one request may grow over the last. */
const GROWTH = 4;

/** Successes at a ceiling that only broken connections set, before it is doubted. */
const PATIENCE = 16;

/** Two sizes are alike if neither is much larger. */
const ALIKE = 0.75;

/**
 * How many bytes the next request should carry.
 *
 * Requests are bounded by time, not by size: proxies end long ones, and what
 * a buffering proxy holds is lost with it. One sizer serves all uploads to one
 * server, since they share the way there.
 */
export class PieceSizer {
  /**
   * @param target - milliseconds that one request should take.
   * @param memory - keeps what proxies refused beyond the life of the page.
   */
  constructor(target: number, memory: { ceiling: number | null }) {
    this._target = target;
    this._memory = memory;
    if (memory.ceiling !== null) {
      this._ceiling = Math.max(memory.ceiling, MIN);
      this._isHard = true;
      this._set(this._size);
    }
  }

  /** Bytes of the next piece. */
  get size(): number {
    return this._size;
  }

  /** Bytes a millisecond that the last piece made; 0 before the first. */
  get rate(): number {
    return this._rate;
  }

  /** Bytes of the smallest piece. */
  readonly smallest = MIN;

  /** A piece of `bytes` was acknowledged after `elapsed` milliseconds. */
  succeeded(bytes: number, elapsed: number): void {
    if (bytes >= this._suspect * ALIKE) {
      this._suspect = Infinity;
    }
    if (bytes < this._size / 2) {
      // The tail of a file says little about the speed of long requests.
      return;
    }
    if (!this._isHard && this._size >= this._ceiling) {
      this._doubt();
    }
    this._rate = bytes / Math.max(elapsed, 1);
    const wanted = this._rate * this._target;
    this._set(Math.min(wanted, bytes * GROWTH));
  }

  /**
   * A request of `bytes` failed when `sent` of them had left: make the next
   * smaller where the size may be the reason.
   *
   * @throws UploadError when even the smallest is refused.
   */
  failed(error: UploadError, bytes: number, sent: number): void {
    if (error.status === 413 && error.code === 'refused') {
      if (bytes <= this.smallest) {
        throw clientErrors.pieceRefused();
      }
      this.refused(bytes);
    } else if (error.status === 408 || (error.status === 0 && sent > 0)) {
      this.broke(bytes);
    }
  }

  /** A request of `bytes` was refused as too large: never that much again. */
  refused(bytes: number): void {
    this._ceiling = Math.min(this._ceiling, Math.max(bytes / 2, MIN));
    this._isHard = true;
    this._memory.ceiling = this._ceiling;
    this._set(this._size);
  }

  /**
   * The connection broke or took too long while `bytes` were on their way.
   *
   * The size may be the reason (a proxy that answers 413 and closes looks like
   * this), or it may not (a server that is restarted). It is if about the same
   * size breaks again before it once went well.
   */
  broke(bytes: number): void {
    if (bytes / 2 >= this._size) {
      // Several requests that were under way fail together: that is one.
      return;
    }
    if (bytes >= this._suspect * ALIKE) {
      this._ceiling = Math.max(this._suspect / 2, MIN);
      this._calm = 0;
    }
    this._suspect = Math.min(this._suspect, bytes);
    this._set(bytes / 2);
  }

  /** Raise a ceiling that broken connections set once all went well for a while. */
  private _doubt(): void {
    this._calm += 1;
    if (this._calm > PATIENCE) {
      this._ceiling = Math.min(this._ceiling * 2, MAX);
      this._calm = 0;
    }
  }

  private _set(size: number): void {
    const rounded = Math.floor(size / (64 * KIB)) * 64 * KIB;
    this._size = Math.min(Math.max(rounded, MIN), this._ceiling);
  }

  private _target: number;
  private _memory: { ceiling: number | null };
  private _size = START;
  private _rate = 0;
  private _ceiling = MAX;
  private _isHard = false;
  /** A size that broke and did not go well since. */
  private _suspect = Infinity;
  private _calm = 0;
}
