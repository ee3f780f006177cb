/** Milliseconds of work in one go; a page that is busy for 50 feels stuck. */
const BUDGET = 20;

/** Cuts long work into short ones, so that the page can answer in between. */
export class Pace {
  /** Let the page have its turn if the work has gone on for long. */
  async rest(): Promise<void> {
    if (performance.now() - this._begin > BUDGET) {
      await new Promise(resolve => setTimeout(resolve));
      this._begin = performance.now();
    }
  }

  private _begin = performance.now();
}
