/**
 * One row of the panel: a job of the server or an upload of this browser, seen
 * alike. Plain data, made anew at each change.
 */

import type { IJob, JobKind } from './job';
import { isFinished } from './job';
import { baseName, folderOf } from './names';
import type {
  ILeftover,
  ITransferErrorData,
  IUploadBatch,
  UploadState
} from './uploads/tokens';

/** What a transfer is doing, in the words of the panel. */
export type Phase =
  | 'waiting'
  | 'copying'
  | 'checking'
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
  readonly remove: boolean;
}

export interface ITransfer {
  /** Unique among all rows, e.g. `job:4f…`. */
  readonly key: string;
  readonly kind: 'upload' | JobKind;
  readonly name: string;
  /** The address or path it comes from; '' for an upload. */
  readonly source: string;
  /** The folder below the server's root, '' for the root; null if there is none. */
  readonly folder: string | null;
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
  /** Milliseconds since the epoch. */
  readonly created: number;
  readonly finished: number | null;
  readonly can: IAbilities;
}

const SECTION_OF: Readonly<Record<Phase, Section>> = {
  copying: 'running',
  checking: 'running',
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

/** Whether bytes move or are being checked right now. */
export function isMoving(transfer: ITransfer): boolean {
  return transfer.phase === 'copying' || transfer.phase === 'checking';
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

/** A job of the server as a row. */
export function fromJob(job: IJob, rate: number | null): ITransfer {
  const { progress, reason, state } = job;
  const phase = phaseOfJob(job);
  const over = isFinished(state);
  const fetched = job.kind === 'download';
  return {
    key: `job:${job.id}`,
    kind: job.kind,
    name: nameOfJob(job),
    source: job.source,
    folder: folderOfJob(job),
    renamed: [],
    arrived: arrives(job),
    phase,
    bytesDone: progress.bytes_done,
    bytesTotal: progress.bytes_total,
    filesDone: progress.files_done,
    filesTotal: progress.files_total,
    filesFailed: progress.files_failed,
    rate: phase === 'copying' ? audible(rate) : null,
    error: STUCK.has(state) ? reason : null,
    remark: !STUCK.has(state) && state !== 'cancelled' ? reason : null,
    retryAt: state === 'queued' ? retryTime(job) : null,
    attempt: job.attempt ?? 0,
    verified: job.verified,
    unverified: job.unverified ?? null,
    created: Date.parse(job.created),
    finished: job.finished === null ? null : Date.parse(job.finished),
    can: {
      // A download is in the hands of the browser: it pauses and retries there.
      pause: !over && !fetched && state !== 'paused',
      resume: state === 'paused' && !fetched,
      cancel: !over,
      retry:
        (state === 'failed' || state === 'cancelled' || phase === 'retrying') &&
        !fetched,
      approve: state === 'waiting' && reason?.code === 'needs_decision',
      remove: over
    }
  };
}

/** Files on their way from this browser as a row. */
export function fromBatch(
  batch: IUploadBatch,
  rate: number | null,
  created: number,
  finished: number | null
): ITransfer {
  const phase = PHASE_OF_UPLOAD[batch.state];
  const over =
    phase === 'done' ||
    phase === 'failed' ||
    phase === 'cancelled' ||
    phase === 'skipped';
  return {
    key: `upload:${batch.id}`,
    kind: 'upload',
    name: batch.name,
    source: '',
    folder: batch.destination,
    renamed: batch.renamed,
    arrived: batch.results.length > 0,
    phase,
    bytesDone: batch.bytesDone,
    bytesTotal: batch.bytesTotal,
    filesDone: batch.filesDone,
    filesTotal: batch.filesTotal,
    filesFailed: batch.filesFailed,
    rate: phase === 'copying' ? audible(rate) : null,
    error: batch.error,
    remark: null,
    retryAt: phase === 'retrying' ? batch.retryAt : null,
    attempt: batch.attempt,
    // Every byte is acknowledged with its offset and the whole is published at once.
    verified: null,
    created,
    finished,
    can: {
      pause: !over && phase !== 'paused',
      resume: phase === 'paused',
      cancel: !over,
      retry: phase === 'retrying' || (phase === 'failed' && mayMend(batch)),
      approve: false,
      remove: over
    }
  };
}

/** What an earlier page left unfinished as a row. */
export function fromLeftover(leftover: ILeftover, created: number): ITransfer {
  const { id, name, destination, size, offset, canReopen, folder } = leftover;
  const { filesTotal, filesDone } = folder ?? { filesTotal: 1, filesDone: 0 };
  const part = folder ? filesDone / filesTotal : offset / size;
  const isFolder = folder !== undefined;
  return {
    key: `leftover:${id}`,
    kind: 'upload',
    name,
    source: '',
    folder: destination,
    renamed: [],
    arrived: false,
    phase: 'asking',
    bytesDone: offset,
    bytesTotal: isFolder ? null : size,
    filesDone,
    filesTotal,
    filesFailed: 0,
    rate: null,
    error: {
      code: 'needs_browser',
      message: '',
      remedy: '',
      retryable: true,
      detail: { name, folder: destination, part, canReopen, isFolder }
    },
    remark: null,
    retryAt: null,
    attempt: 0,
    verified: null,
    created,
    finished: null,
    can: {
      pause: false,
      resume: false,
      cancel: false,
      retry: true,
      approve: false,
      remove: true
    }
  };
}

/** Whether trying again can help a failed batch, at least with some of its files. */
function mayMend(batch: IUploadBatch): boolean {
  // `error` may be that of the first file; others can have failed otherwise.
  return (
    batch.error === null ||
    batch.error.retryable ||
    batch.failures.some(failure => failure.error.retryable)
  );
}

const PHASE_OF_UPLOAD: Readonly<Record<UploadState, Phase>> = {
  queued: 'waiting',
  running: 'copying',
  checking: 'checking',
  paused: 'paused',
  retrying: 'retrying',
  done: 'done',
  failed: 'failed',
  cancelled: 'cancelled',
  skipped: 'skipped'
};

/** States that a reason explains. */
const STUCK: ReadonlySet<string> = new Set([
  'queued',
  'paused',
  'waiting',
  'failed'
]);

/** Less than a byte a second is a standstill, not a rate. */
function audible(rate: number | null): number | null {
  return rate !== null && rate >= 1 ? rate : null;
}

function phaseOfJob(job: IJob): Phase {
  const { bytes_done, bytes_total } = job.progress;
  switch (job.state) {
    case 'queued':
      return retryTime(job) === null ? 'waiting' : 'retrying';
    case 'running':
      // All bytes are here and it still runs: they are being verified.
      return bytes_total && bytes_done >= bytes_total ? 'checking' : 'copying';
    case 'waiting':
      return 'asking';
    default:
      return job.state;
  }
}

function retryTime(job: IJob): number | null {
  const value = job.reason?.retry_at ?? null;
  if (value === null) {
    return null;
  }
  // Numbers are seconds since the epoch.
  const time = typeof value === 'number' ? value * 1000 : Date.parse(value);
  return Number.isNaN(time) ? null : time;
}

function nameOfJob(job: IJob): string {
  if (job.destination && !job.destination.endsWith('/')) {
    return baseName(job.destination);
  }
  return baseName(job.source) || job.source;
}

function folderOfJob(job: IJob): string | null {
  if (job.kind === 'download') {
    return null;
  }
  const path = job.destination.replace(/^\/+/, '');
  return path.endsWith('/') ? path.replace(/\/+$/, '') : folderOf(path);
}

/** Kinds whose files end up on the server's disk. */
const ARRIVING: ReadonlySet<JobKind> = new Set<JobKind>([
  'fetch',
  'sync',
  'extract',
  'pack'
]);

function arrives(job: IJob): boolean {
  return job.state === 'done' && ARRIVING.has(job.kind);
}

/** The file or folder that an upload became; null while nothing arrived. */
export function pathOfBatch(batch: IUploadBatch): string | null {
  const { results, destination } = batch;
  if (results.length === 0) {
    return null;
  }
  if (batch.filesTotal === 1) {
    return results[0];
  }
  // A folder arrived as a folder: show that rather than its first file.
  const below = results[0].slice(destination ? destination.length + 1 : 0);
  const top = below.split('/')[0];
  return destination ? `${destination}/${top}` : top;
}
