/**
 * A job of the server as a row of the panel.
 */

import type { IJob, JobKind } from './job';
import { isFinished } from './job';
import { baseName, folderOf, isAddress } from './names';
import { planOf } from './planwords';
import type { ITransfer, Phase } from './transfer';
import { audible } from './transfer';

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
    destination: fetched ? '' : job.destination,
    folder: folderOfJob(job),
    cached: isCached(job),
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
    limit: limitOf(job),
    priority: job.priority,
    created: Date.parse(job.created),
    finished: job.finished === null ? null : Date.parse(job.finished),
    can: {
      // A download is in the hands of the browser: it pauses and retries there.
      pause: !over && !fetched && state !== 'paused',
      resume: state === 'paused' && !fetched,
      cancel: !over,
      retry:
        (state === 'failed' ||
          state === 'cancelled' ||
          phase === 'retrying' ||
          isScheduled(job)) &&
        !fetched,
      tune: !over && !fetched,
      review: state === 'waiting' && planOf(reason) !== null,
      approve: state === 'waiting' && reason?.code === 'needs_decision',
      authenticate: state === 'waiting' && reason?.code === 'needs_credentials',
      remove: over
    }
  };
}

/** States that a reason explains. */
const STUCK: ReadonlySet<string> = new Set([
  'queued',
  'paused',
  'waiting',
  'failed'
]);

function phaseOfJob(job: IJob): Phase {
  const { bytes_done, bytes_total } = job.progress;
  switch (job.state) {
    case 'queued':
      return retryTime(job) === null || isScheduled(job)
        ? 'waiting'
        : 'retrying';
    case 'running':
      if (job.phase === 'planning' || job.phase === 'deleting') {
        return job.phase;
      }
      // All bytes are here and it still runs: they are being verified.
      return bytes_total && bytes_done >= bytes_total ? 'checking' : 'copying';
    case 'waiting':
      return 'asking';
    default:
      return job.state;
  }
}

/** Whether it waits for the time that it is planned for. */
function isScheduled({ state, reason }: IJob): boolean {
  return state === 'queued' && reason?.code === 'scheduled';
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

/** The speed limit as a person writes it; '' for none. */
function limitOf({ options }: IJob): string {
  const limit = options?.bandwidth ?? '';
  return typeof limit === 'number' || typeof limit === 'string'
    ? String(limit)
    : '';
}

function nameOfJob(job: IJob): string {
  if (job.destination && !job.destination.endsWith('/')) {
    return baseName(job.destination);
  }
  return baseName(job.source.replace(REVISION, '')) || job.source;
}

/** The end of a page that shows a branch of a repository, which is not its name. */
const REVISION = /(?<=^https?:\/\/[^/]+\/.+)\/tree\/[^/]+\/?$/;

function isCached({ options }: IJob): boolean {
  return options?.target === 'cache';
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
  return (
    job.state === 'done' &&
    ARRIVING.has(job.kind) &&
    !isCached(job) &&
    !isAddress(job.destination)
  );
}
