/**
 * Which files of a batch are still to be sent: a counter for those never
 * begun, a list only for those to be taken up again. A batch of 100,000 files
 * costs no more than one of ten.
 */
export class Worklist {
  constructor(total: number) {
    this._total = total;
  }

  /** How many are left. */
  get length(): number {
    return this._total - this._next + this._again.length;
  }

  /** Whether anything was taken yet. */
  get isUntouched(): boolean {
    return this._next === 0;
  }

  /** Take the next index, those to be taken up again first. */
  take(): number | undefined {
    if (this._again.length > 0) {
      return this._again.pop();
    }
    return this._next < this._total ? this._next++ : undefined;
  }

  /** Put an index back. */
  putBack(index: number): void {
    this._again.push(index);
  }

  /** Forget all that is left. */
  clear(): void {
    this._next = this._total;
    this._again.length = 0;
  }

  private _total: number;
  private _next = 0;
  private _again: number[] = [];
}
