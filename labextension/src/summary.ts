/**
 * All transfers in one line: how many, how fast, how long still.
 */

import type { ITransfer } from './transfer';
import { isMoving, isOver, sectionOf, secondsLeft } from './transfer';

export interface ISummary {
  readonly running: number;
  readonly paused: number;
  readonly waiting: number;
  readonly asking: number;
  /** Bytes a second of all together; null while nothing moves or it is too early. */
  readonly rate: number | null;
  /** Seconds until all that runs and waits is there; null while unknown. */
  readonly left: number | null;
  /** Part done of the present round, 0 to 1; null while unknown. */
  readonly fraction: number | null;
}

/**
 * @param transfers - All rows.
 * @param round - Keys of the present round: all that were live since the last
 *   time that nothing was. What is done stays in it, or the bar would run back.
 */
export function summarize(
  transfers: readonly ITransfer[],
  round: ReadonlySet<string>
): ISummary {
  const running = transfers.filter(isMoving);
  const waiting = transfers.filter(t => sectionOf(t) === 'waiting');
  const rates = running.map(t => t.rate).filter(rate => rate !== null);
  const rate = rates.length
    ? rates.reduce((sum, value) => sum + value, 0)
    : null;
  return {
    running: running.length,
    paused: transfers.filter(t => t.phase === 'paused').length,
    waiting: waiting.length,
    asking: transfers.filter(t => sectionOf(t) === 'asking').length,
    rate,
    left: timeLeft([...running, ...waiting], running, rate),
    fraction: partDone(transfers.filter(t => round.has(t.key)))
  };
}

/** The present round after a change: empty once nothing is live. */
export function nextRound(
  transfers: readonly ITransfer[],
  round: ReadonlySet<string>
): ReadonlySet<string> {
  const live = transfers.filter(t => !isOver(t));
  if (!live.some(t => t.phase !== 'paused' && t.phase !== 'asking')) {
    return new Set();
  }
  const known = new Set(transfers.map(t => t.key));
  const kept = Array.from(round).filter(key => known.has(key));
  return new Set([...kept, ...live.map(t => t.key)]);
}

function timeLeft(
  due: readonly ITransfer[],
  running: readonly ITransfer[],
  rate: number | null
): number | null {
  if (!rate || due.some(t => t.bytesTotal === null)) {
    return null;
  }
  const bytes = due.reduce(
    (sum, t) => sum + Math.max(0, (t.bytesTotal ?? 0) - t.bytesDone),
    0
  );
  // The slowest of those that run sets the least.
  const slowest = running.map(t => secondsLeft(t) ?? 0);
  return Math.max(bytes / rate, ...slowest);
}

function partDone(round: readonly ITransfer[]): number | null {
  const counted = round.filter(
    t => t.phase !== 'cancelled' && t.phase !== 'failed'
  );
  const total = counted.reduce((sum, t) => sum + (t.bytesTotal ?? 0), 0);
  if (!total || counted.some(t => t.bytesTotal === null)) {
    return null;
  }
  const done = counted.reduce((sum, t) => sum + t.bytesDone, 0);
  return Math.min(1, done / total);
}
