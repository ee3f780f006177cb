/** The clockwork of the uploader, in milliseconds. Tests make it quicker. */
export interface ITiming {
  /** No byte leaves for so long: the connection is dead. */
  readonly stall: number;
  /** All bytes left, the answer does not come for so long. The server may be hashing a large file. */
  readonly answer: number;
  /** How long one request should take. */
  readonly piece: number;
  /** The body of a request must have left after so long: some proxies let none live longer than five minutes. */
  readonly deadline: number;
  /** The upper bound of the first pause after a failure; it doubles with each. */
  readonly backoff: number;
  readonly backoffMax: number;
  /** While offline, look again after so long: `navigator.onLine` may be wrong. */
  readonly offline: number;
  /** `Uploader.changed` is emitted at most once in so long. */
  readonly coalesce: number;
}

export const DEFAULT_TIMING: ITiming = {
  stall: 30_000,
  answer: 120_000,
  piece: 10_000,
  deadline: 60_000,
  backoff: 1_000,
  backoffMax: 30_000,
  offline: 60_000,
  coalesce: 100
};
