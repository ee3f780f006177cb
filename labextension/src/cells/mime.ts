/**
 * What the kernel puts into the output of a cell. A notebook may come from
 * anybody: nothing in it is believed before it was looked at.
 */

import type { IJob, IJobProgress, IJobReason, JobState } from '../job';

export const JOB_MIME = 'application/vnd.jupyter-transfer.job+json';

export const JOBS_MIME = 'application/vnd.jupyter-transfer.jobs+json';

export const UPLOAD_MIME = 'application/vnd.jupyter-transfer.upload+json';

/** A job as the kernel saw it last. */
export interface ICellJob {
  readonly job: IJob;
  /** Who runs it. */
  readonly where: 'server' | 'kernel';
  /** When that was, in milliseconds since the epoch. */
  readonly at: number;
}

const STATES: readonly JobState[] = [
  'queued',
  'running',
  'paused',
  'waiting',
  'done',
  'failed',
  'cancelled'
];

type Data = Readonly<Record<string, unknown>>;

/** The job in an output; null if it is none that can be shown. */
export function readJob(value: unknown): ICellJob | null {
  const output = dataOf(value);
  const data = dataOf(output?.job);
  const state = STATES.find(known => known === data?.state);
  if (!output || !data || !state || !/^[0-9a-f]{32}$/.test(text(data.id))) {
    return null;
  }
  const at = Date.parse(text(output.at));
  return {
    where: output.where === 'kernel' ? 'kernel' : 'server',
    at: Number.isNaN(at) ? 0 : at,
    job: {
      id: text(data.id),
      kind: text(data.kind) as IJob['kind'],
      source: text(data.source),
      destination: text(data.destination),
      state,
      priority: number(data.priority) ?? 0,
      reason: reasonOf(data.reason),
      progress: progressOf(dataOf(data.progress) ?? {}),
      verified: typeof data.verified === 'boolean' ? data.verified : null,
      unverified: text(data.unverified) || null,
      owner: '',
      created: text(data.created),
      started: text(data.started) || null,
      finished: text(data.finished) || null,
      attempt: number(data.attempt) ?? 0,
      phase: text(data.phase) || null,
      revision: number(data.revision) ?? 0
    }
  };
}

/** Jobs in an output, and how many others there were. */
export interface ICellJobs {
  readonly jobs: readonly ICellJob[];
  readonly more: number;
}

/** The jobs in an output of `%transfers`; null if it is none that can be shown. */
export function readJobs(value: unknown): ICellJobs | null {
  const output = dataOf(value);
  if (!output || !Array.isArray(output.jobs)) {
    return null;
  }
  const { at, more } = output;
  const jobs = output.jobs.map(job => readJob({ at, job, where: 'server' }));
  return {
    jobs: jobs.filter(job => job !== null),
    more: Math.max(0, number(more) ?? 0)
  };
}

/** The folder that an output takes files for, '' for the root; null if it is none. */
export function readFolder(value: unknown): string | null {
  const folder = dataOf(value)?.folder;
  const parts = typeof folder === 'string' ? folder.split('/') : ['..'];
  return parts.includes('..') ? null : parts.filter(Boolean).join('/');
}

function progressOf(data: Data): IJobProgress {
  return {
    bytes_done: number(data.bytes_done) ?? 0,
    bytes_total: number(data.bytes_total),
    files_done: number(data.files_done) ?? 0,
    files_total: number(data.files_total),
    files_failed: number(data.files_failed) ?? 0,
    rate: null,
    eta: null
  };
}

function reasonOf(value: unknown): IJobReason | null {
  const data = dataOf(value);
  return (
    data && {
      code: text(data.code),
      message: text(data.message),
      remedy: text(data.remedy),
      retryable: data.retryable === true,
      detail: dataOf(data.detail) ?? {},
      retry_at: text(data.retry_at) || number(data.retry_at)
    }
  );
}

function dataOf(value: unknown): Data | null {
  return value !== null && typeof value === 'object' && !Array.isArray(value)
    ? (value as Data)
    : null;
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function number(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
}
