/**
 * What the server says of its jobs: the contract's JSON, as types.
 *
 * Sizes are bytes, rates bytes a second, `eta` seconds, times ISO 8601 in UTC.
 */

import type { ITransferErrorData } from './uploads/tokens';

export type JobKind =
  'fetch' | 'send' | 'sync' | 'copy' | 'extract' | 'pack' | 'download';

export type JobState =
  'queued' | 'running' | 'paused' | 'waiting' | 'done' | 'failed' | 'cancelled';

export interface IJobProgress {
  readonly bytes_done: number;
  readonly bytes_total: number | null;
  readonly files_done: number;
  readonly files_total: number | null;
  readonly files_failed: number;
  readonly rate: number | null;
  readonly eta: number | null;
}

/** Why a job stands where it stands. */
export interface IJobReason extends ITransferErrorData {
  /** When the server tries again by itself. */
  readonly retry_at?: string | number | null;
}

export interface IJob {
  readonly id: string;
  readonly kind: JobKind;
  readonly source: string;
  readonly destination: string;
  readonly state: JobState;
  readonly priority: number;
  readonly reason: IJobReason | null;
  readonly progress: IJobProgress;
  readonly verified: boolean | null;
  /** The code for why a finished job is not verified. */
  readonly unverified?: string | null;
  readonly owner: string;
  readonly created: string;
  readonly started: string | null;
  readonly finished: string | null;
  readonly attempt?: number;
  readonly options?: Readonly<Record<string, unknown>>;
  readonly revision: number;
}

/** Answer of `GET jobs`. */
export interface IJobList {
  readonly jobs: readonly IJob[];
  readonly total: number;
  readonly revision: number;
  /** Jobs that are gone since the revision asked for. */
  readonly removed?: readonly string[];
  /** True when `jobs` is all there is, whatever revision was asked for. */
  readonly full?: boolean;
}

/** Data of an event `https://schema.jupyter-transfer.org/jobs/v1`. */
export interface IJobEvent {
  readonly revision: number;
  /** The revision that the event builds on. */
  readonly previous: number;
  readonly jobs: readonly Pick<
    IJob,
    'id' | 'revision' | 'state' | 'progress'
  >[];
  readonly removed: readonly string[];
}

/** A row of a job's report. */
export interface IJobFile {
  /** Below the server's root. */
  readonly path: string;
  readonly size: number | null;
  readonly state: string;
}

export type JobAction = 'pause' | 'resume' | 'cancel' | 'retry' | 'approve';

/** What `POST jobs` takes. */
export interface IJobRequest {
  readonly source: string;
  readonly destination: string;
  readonly kind?: JobKind;
  readonly options?: Readonly<Record<string, unknown>>;
}

export interface IProbeEntry {
  readonly path: string;
  readonly size: number | null;
}

/** Answer of `POST probe`. */
export interface IProbe {
  readonly backend: string;
  readonly title: string;
  readonly files: number | null;
  readonly bytes: number | null;
  readonly entries: readonly IProbeEntry[];
  readonly resumable: boolean;
  readonly verifiable: boolean;
  /** The code for why it is not verifiable. */
  readonly unverified?: string | null;
  /** What is missing to fetch it: `credentials`, or a `decision`. */
  readonly needs: string | null;
  /** What has to be decided. */
  readonly detail?: Readonly<Record<string, unknown>>;
  readonly free_bytes: number | null;
}

/** Answer of `POST archive`. */
export interface IArchive {
  readonly id: string;
  /** Begins with the server's base URL; add nothing to it. */
  readonly url: string;
  readonly size: number | null;
  readonly files: number;
  readonly etag: string;
}

export type OptionValue = string | number | boolean;

/** An option that a backend declares; a field of the form. */
export interface IBackendOption {
  readonly name: string;
  readonly type: 'text' | 'integer' | 'number' | 'flag' | 'bytes' | 'path';
  readonly help: string;
  readonly default: OptionValue | null;
  /** Goes to the server's memory only. */
  readonly secret: boolean;
  readonly choices: readonly string[];
  readonly required: boolean;
}

export interface IBackend {
  readonly name: string;
  readonly title: string;
  readonly schemes: readonly string[];
  readonly options: readonly IBackendOption[];
}

/** Whether nothing more happens to a job unless a person asks for it. */
export function isFinished(state: JobState): boolean {
  return state === 'done' || state === 'failed' || state === 'cancelled';
}
