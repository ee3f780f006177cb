import type { Connectivity } from './connectivity';

/** What a batch needs of the uploader. */
export interface IBatchHost {
  readonly connectivity: Connectivity;
  /** A getter of the batch changed its value. */
  changed(): void;
  /** The batch (again) has files to send. */
  wanting(): void;
  /** The batch came to an end. */
  finished(): void;
  /** Take `wanted` more connections, or as many as are free; how many. */
  borrow(wanted: number): number;
  /** Give connections back. */
  giveBack(count: number): void;
}
