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
  /** What it does while no bytes move: `planning`, `deleting`, `checking`. */
  readonly phase?: string | null;
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
  /** Below the server's root; of a send, an address. */
  readonly path: string;
  readonly size: number | null;
  readonly state: string;
  /** What is, or would be, done: `copy`, `replace`, `delete`. */
  readonly action?: string | null;
  /** Where a deleted file was moved to. */
  readonly trash?: string | null;
  readonly digest?: string | null;
  readonly verified?: boolean | null;
  /** The code for why it is not verified. */
  readonly unverified?: string | null;
  readonly seconds?: number | null;
  readonly error?: ITransferErrorData | null;
}

/** Which rows of a report. */
export interface IFileQuery {
  readonly limit: number;
  readonly offset?: number;
  /** Those in this state only. */
  readonly state?: string;
}

/** A page of a report, failed files first. */
export interface IFilePage {
  readonly files: readonly IJobFile[];
  /** How many rows there are in all. */
  readonly total: number;
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

/** What a service tells of a source beside its files, where it tells something. */
export interface IAbout {
  readonly repository?: string;
  readonly revision?: string;
  readonly commit?: string;
  readonly licence?: string | null;
  /** ISO 8601. */
  readonly changed?: string | null;
  readonly gated?: boolean;
  readonly private?: boolean;
  /** Whether the host of a git repository keeps large files apart. */
  readonly lfs?: boolean | null;
  /** The page of the web that people look at. */
  readonly page?: string;
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
  /** What has to be decided, or why credentials are missing. */
  readonly detail?: Readonly<Record<string, unknown>>;
  readonly about?: IAbout;
  readonly free_bytes: number | null;
}

/** What lies directly below an address. */
export interface IBrowseEntry {
  /** Its name; of a folder with `/` at the end. */
  readonly path: string;
  /** Of a folder, it can be browsed in turn. */
  readonly address: string;
  readonly folder: boolean;
  readonly size: number | null;
  /** Nanoseconds since 1970. */
  readonly mtime_ns: number | null;
}

/** Answer of `POST browse`. */
export interface IBrowse {
  readonly backend: string;
  readonly title: string;
  readonly entries: readonly IBrowseEntry[];
  /** Whether these are all. */
  readonly complete: boolean;
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
  /** Where it is of use: where files come from, or where they go, or both. */
  readonly side?: 'both' | 'source' | 'destination';
}

export interface IBackend {
  readonly name: string;
  readonly title: string;
  readonly schemes: readonly string[];
  readonly options: readonly IBackendOption[];
  /** What it can: `fetch`, `send`, `delete`, `copy`, `browse`. */
  readonly can?: readonly string[];
  /** Options by which a person signs in there. */
  readonly signs_in_by?: readonly string[];
}

/** What `POST login` takes. */
export interface ILoginRequest {
  readonly url: string;
  /** The secret among them. */
  readonly options: Readonly<Record<string, unknown>>;
  /** Whether it is kept, for the account of the server, where the official client looks. */
  readonly keep: boolean;
}

/** Answer of `POST login`: the service takes the secret. */
export interface ILogin {
  /** Its host. */
  readonly service: string;
  /** The account; '' where the service does not tell. */
  readonly name: string;
  /** Whether transfers come with what was kept; null if nothing was. */
  readonly used: boolean | null;
}

/** In the detail of what a job waits with: where a person can sign in for it. */
export interface ISignIn {
  readonly address: string;
  readonly backend: string;
  /** How the job calls the options of the backend. */
  readonly options: Readonly<Record<string, string>>;
  /** What the job says of the service beside. */
  readonly given: Readonly<Record<string, OptionValue>>;
}

/** A field of a form: an option as a backend declares it, or one that we know. */
export interface IFormOption extends Omit<IBackendOption, 'type'> {
  readonly type: IBackendOption['type'] | 'lines' | 'moment';
  readonly label?: string;
  /** How its choices are called; a choice of no name stands for itself. */
  readonly names?: Readonly<Record<string, string>>;
  readonly suggestions?: readonly { value: string; help: string }[];
}

/** An option of a remote that rclone makes up. */
export interface IRemoteOption extends Omit<IBackendOption, 'choices'> {
  readonly advanced: boolean;
  /** For which of the values of the option `provider` it is; null for all. */
  readonly provider: string | null;
  /** Examples. */
  readonly choices: readonly {
    value: string;
    help: string;
    provider: string | null;
  }[];
}

/** A kind of remote, of `GET backends/rclone/forms`. */
export interface IRemoteKind {
  readonly type: string;
  readonly title: string;
  readonly options: readonly IRemoteOption[];
}

/** What a job would do; of `POST jobs` with `dry_run`, and of a decision. */
export interface IJobPlan {
  readonly copy: number;
  readonly replace: number;
  readonly delete: number;
  /** Files that are there already, the same. */
  readonly skip?: number;
  /** Files that cannot come, for what has their name stays. */
  readonly fail?: number;
  /** Folders that are empty then, and are removed. */
  readonly folders?: number;
  /** Bytes to move. */
  readonly bytes: number | null;
  /** Files that the source has at all. */
  readonly source_files?: number | null;
  /** Files at the destination that it is about. */
  readonly target_files?: number | null;
  /** The folder that keeps what is deleted or replaced. */
  readonly trash?: string | null;
  /** What an approval of it names. */
  readonly hash?: string;
}

/** Answer of `POST jobs` with `options.dry_run`. */
export interface IDryRun {
  readonly plan?: IJobPlan;
  /** Of a push. */
  readonly push?: IPush;
  /** The first of what would be done. */
  readonly entries: readonly (IProbeEntry & { readonly action?: string })[];
  readonly files: number | null;
  readonly bytes: number | null;
}

/** What a push would send beside files; its plan has a `hash` that an approval names. */
export interface IPush {
  readonly branch: string;
  readonly new_branch: boolean;
  /** The first of them, the last one first; one that is still to be made is not among them. */
  readonly commits: readonly {
    readonly commit: string;
    readonly subject: string;
  }[];
  readonly commit_count: number;
  /** Of LFS. */
  readonly objects: number;
  readonly object_bytes: number;
}

/** What a clone of a repository shows. */
export interface IClone {
  /** null where a single commit is checked out. */
  readonly branch: string | null;
  /** What was begun in it and not finished, such as `merge`. */
  readonly busy: string | null;
  /** Commits that its remote lacks, as far as the clone knows. */
  readonly ahead: number | null;
  readonly changes: readonly ICloneChange[];
  /** Whether there are more changes. */
  readonly more: boolean;
  /** Remotes that can be pushed to. */
  readonly remotes: readonly {
    readonly name: string;
    readonly address: string;
  }[];
  /** Who commits; null where git does not know. */
  readonly identity: { readonly name: string; readonly email: string } | null;
}

export interface ICloneChange {
  readonly path: string;
  readonly kind: 'added' | 'modified' | 'deleted' | 'untracked' | 'conflicted';
  readonly size: number | null;
}

/** What `POST jobs/apply` takes. */
export interface IFileRequest {
  /** The YAML. */
  readonly text: string;
  /** Folders below the root by the names of claims. */
  readonly claims: Readonly<Record<string, string>>;
  /** Values by `secret/NAME/KEY` or `configMap/NAME/KEY`. */
  readonly secrets: Readonly<Record<string, string>>;
}

/** What a transfer of a file would be. */
export interface IPlannedTransfer {
  readonly name: string;
  readonly form: 'DataCube' | 'Transfer';
  readonly claim: string | null;
  readonly folder: string | null;
  /** Fields that nothing heeds. */
  readonly ignored: readonly string[];
  /** Values that nobody found. */
  readonly missing: readonly string[];
  readonly job: Required<IJobRequest> | null;
  readonly error: ITransferErrorData | null;
}

/** Whether nothing more happens to a job unless a person asks for it. */
export function isFinished(state: JobState): boolean {
  return state === 'done' || state === 'failed' || state === 'cancelled';
}
