/**
 * One row of the panel: a job of the server or an upload of this browser, seen
 * alike. Plain data, made anew at each change.
 */

import type { JobKind } from './job';
import type { ITransferErrorData } from './uploads/tokens';

/** What a transfer is doing, in the words of the panel. */
export type Phase =
  | 'waiting'
  | 'copying'
  | 'checking'
  | 'planning'
  | 'deleting'
  | 'paused'
  | 'retrying'
  | 'asking'
  | 'done'
  | 'failed'
  | 'cancelled'
  | 'skipped';

export type Section = 'running' | 'waiting' | 'asking' | 'finished';

/** What can be done to a transfer now. */
export interface IAbilities {
  readonly pause: boolean;
  readonly resume: boolean;
  readonly cancel: boolean;
  readonly retry: boolean;
  readonly approve: boolean;
  /** Whether there is a plan to look at before saying yes. */
  readonly review: boolean;
  /** Whether it waits for credentials that can be entered. */
  readonly authenticate: boolean;
  readonly remove: boolean;
  /** Whether its speed and its place in the queue can be changed. */
  readonly tune?: boolean;
}

export interface ITransfer {
  /** Unique among all rows, e.g. `job:4f…`. */
  readonly key: string;
  readonly kind: 'upload' | JobKind;
  readonly name: string;
  /** The address or path it comes from; '' for an upload. */
  readonly source: string;
  /** The address or path it goes to; '' if it goes to the person's computer. */
  readonly destination: string;
  /**
   * The folder it goes to, below the server's root or as an address; '' for the
   * root, null if there is none.
   */
  readonly folder: string | null;
  /** Whether it goes into the cache of a service's own client, to no folder. */
  readonly cached?: boolean;
  /** Paths of files that got another name, because theirs was taken. */
  readonly renamed: readonly string[];
  /** Whether something arrived that the file browser can show. */
  readonly arrived: boolean;
  readonly phase: Phase;
  readonly bytesDone: number;
  readonly bytesTotal: number | null;
  readonly filesDone: number;
  readonly filesTotal: number | null;
  readonly filesFailed: number;
  /** Bytes a second; null while it does not move or it is too early to say. */
  readonly rate: number | null;
  /** Why it stands still, or what failed. */
  readonly error: ITransferErrorData | null;
  /** Something worth knowing that is no failure. */
  readonly remark: ITransferErrorData | null;
  /** Milliseconds since the epoch. */
  readonly retryAt: number | null;
  /** The attempt that is waited for, from 1; 0 when all is well. */
  readonly attempt: number;
  readonly verified: boolean | null;
  /** The code for why it is not verified. */
  readonly unverified?: string | null;
  /** Bytes a second at most, or a timetable; '' for no limit of its own. */
  readonly limit?: string;
  /** What has more goes first. */
  readonly priority?: number;
  /** Milliseconds since the epoch. */
  readonly created: number;
  readonly finished: number | null;
  readonly can: IAbilities;
}

const SECTION_OF: Readonly<Record<Phase, Section>> = {
  copying: 'running',
  checking: 'running',
  planning: 'running',
  deleting: 'running',
  paused: 'running',
  waiting: 'waiting',
  retrying: 'waiting',
  asking: 'asking',
  failed: 'asking',
  done: 'finished',
  cancelled: 'finished',
  skipped: 'finished'
};

/** Where a row stands. A paused row stays among the running: it must not jump away. */
export function sectionOf(transfer: ITransfer): Section {
  return SECTION_OF[transfer.phase];
}

/** Whether something is done for it right now. */
export function isMoving(transfer: ITransfer): boolean {
  return sectionOf(transfer) === 'running' && transfer.phase !== 'paused';
}

/** Whether a transfer is at its end, for better or worse. */
export function isOver(transfer: ITransfer): boolean {
  return transfer.phase === 'failed' || sectionOf(transfer) === 'finished';
}

/** The part done, from 0 to 1; null while the total is unknown. */
export function fractionOf(transfer: ITransfer): number | null {
  const { bytesDone, bytesTotal, filesDone, filesTotal } = transfer;
  if (bytesTotal) {
    return Math.min(1, bytesDone / bytesTotal);
  }
  // One file of unknown size is not nothing done: nobody knows.
  return filesTotal !== null && filesTotal > 1
    ? Math.min(1, filesDone / filesTotal)
    : null;
}

/** Seconds to the end at the present rate, or null. */
export function secondsLeft(transfer: ITransfer): number | null {
  const { bytesDone, bytesTotal, rate } = transfer;
  if (transfer.phase !== 'copying' || !rate || bytesTotal === null) {
    return null;
  }
  return Math.max(0, bytesTotal - bytesDone) / rate;
}

/** Less than a byte a second is a standstill, not a rate. */
export function audible(rate: number | null): number | null {
  return rate !== null && rate >= 1 ? rate : null;
}
