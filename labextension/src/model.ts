/**
 * What the panel shows: the server's jobs and this browser's uploads as one
 * list of rows.
 *
 * News flow one way, server -> feed -> model -> view; acts flow the other,
 * view -> command -> model -> server, and change nothing here until the
 * server's news come back.
 */

import { VDomModel } from '@jupyterlab/ui-components';
import type { TransferApi } from './api';
import { TransferError } from './api';
import type { JobFeed } from './feed';
import type { IJob, JobAction } from './job';
import { isFinished } from './job';
import { fromJob } from './jobrow';
import { folderOf, isAddress } from './names';
import { RateFilter } from './rate';
import type { ISummary } from './summary';
import { nextRound, summarize } from './summary';
import type { ITransfer, Section } from './transfer';
import { isMoving, isOver, sectionOf } from './transfer';
import { fromBatch, fromLeftover, pathOfBatch } from './uploadrow';
import type { ILeftover, IUploadBatch } from './uploads/tokens';
import type { Uploader } from './uploads';

/** Countdowns and rates change without news. */
const TICK = 1000;

/** What the server takes. */
const MOST_PRIORITY = 1000;

/** Addresses that are suggested. */
const RECENT = 20;

const SECTIONS: readonly Section[] = [
  'running',
  'waiting',
  'asking',
  'finished'
];

export class TransferModel extends VDomModel {
  constructor(options: TransferModel.IOptions) {
    super();
    this._api = options.api;
    this._feed = options.feed;
    this._uploader = options.uploader;
    this._feed.changed.connect(this._update, this);
    this._uploader.changed.connect(this._update, this);
    this._update();
  }

  dispose(): void {
    if (this.isDisposed) {
      return;
    }
    clearInterval(this._timer);
    this._feed.changed.disconnect(this._update, this);
    this._uploader.changed.disconnect(this._update, this);
    super.dispose();
  }

  /** The row that has or last had the focus: what shortcuts and menus act on. */
  currentKey: string | null = null;

  /** All rows in the order of the panel. */
  get transfers(): readonly ITransfer[] {
    return this._transfers;
  }

  get summary(): ISummary {
    return this._summary;
  }

  /** Why there is no news from the server; null when all is well. */
  get problem(): TransferError | null {
    return this._feed.problem;
  }

  /** Whether something failed or began to ask since the last look. */
  get alarmed(): boolean {
    return this._alarms.size > 0;
  }

  get(key: string): ITransfer | undefined {
    return this._transfers.find(transfer => transfer.key === key);
  }

  /** The rows of one section. */
  section(section: Section): readonly ITransfer[] {
    return this._transfers.filter(t => sectionOf(t) === section);
  }

  /** Addresses at either end of what is listed, the last one first. */
  get recentAddresses(): readonly string[] {
    const newest = [...this._transfers].sort((a, b) => b.created - a.created);
    const ends = newest.flatMap(t => [t.source, t.destination]);
    return [...new Set(ends.filter(isAddress))].slice(0, RECENT);
  }

  /** What was sent last; undefined if nothing is listed. */
  get lastSend(): ITransfer | undefined {
    return this._transfers
      .filter(t => t.kind === 'send')
      .sort((a, b) => b.created - a.created)[0];
  }

  /** The person looks at the panel: nothing is news any more. */
  look(): void {
    if (this._alarms.size) {
      this._alarms.clear();
      this.stateChanged.emit();
    }
  }

  refresh(): Promise<void> {
    return this._feed.refresh();
  }

  pause(key: string): Promise<void> {
    return this._act(key, 'pause', batch => batch.pause());
  }

  resume(key: string): Promise<void> {
    return this._act(key, 'resume', batch => batch.resume());
  }

  cancel(key: string): Promise<void> {
    return this._act(key, 'cancel', batch => batch.cancel());
  }

  /** What an earlier page left unfinished; undefined for any other row. */
  leftover(key: string): ILeftover | undefined {
    return this._uploader.leftovers.find(({ id }) => `leftover:${id}` === key);
  }

  retry(key: string): Promise<void> {
    return this._act(key, 'retry', batch => batch.retry());
  }

  /** Say yes to a plan that a job waits with. */
  approve(key: string): Promise<void> {
    return this._act(key, 'approve', () => undefined);
  }

  /** Give a job the secrets that it waits for; they stay in the server's memory. */
  authenticate(
    key: string,
    secrets: Readonly<Record<string, unknown>>
  ): Promise<void> {
    return this._all([this._api.changeJob(jobId(key), 'resume', secrets)]);
  }

  /** Limit the speed of a job: `5M`, a timetable, or '' for no limit. */
  limit(key: string, bandwidth: string): Promise<void> {
    return this._all([this._api.tuneJob(jobId(key), { bandwidth })]);
  }

  /** Let a job go before all others that wait. */
  advance(key: string): Promise<void> {
    const priorities = this._transfers.map(t => t.priority ?? 0);
    const priority = Math.min(1 + Math.max(0, ...priorities), MOST_PRIORITY);
    return this._all([this._api.tuneJob(jobId(key), { priority })]);
  }

  /** Forget finished rows; what arrived stays. */
  async remove(...keys: string[]): Promise<void> {
    const jobs: string[] = [];
    for (const key of keys) {
      const batch = this._batch(key);
      const leftover = this.leftover(key);
      if (batch) {
        this._uploader.remove(batch.id);
      } else if (leftover) {
        await this._uploader.discard(leftover.id);
      } else {
        jobs.push(jobId(key));
      }
    }
    if (jobs.length) {
      await this._all(jobs.map(id => this._api.deleteJob(id)));
    }
  }

  /** The path of what arrived, to open or show it; null while nothing did. */
  async locate(key: string): Promise<string | null> {
    const batch = this._batch(key);
    if (batch) {
      return pathOfBatch(batch);
    }
    const transfer = this.get(key);
    if (!transfer?.arrived) {
      return null;
    }
    // The name may be another than asked for: only the report knows.
    const { files } = await this._api.jobFiles(jobId(key), { limit: 2 });
    const path = files[0]?.path ?? null;
    return path !== null && files.length > 1 ? folderOf(path) : path;
  }

  /** Pause all that runs or waits for its turn. */
  async pauseAll(): Promise<void> {
    const due = this._transfers.filter(
      t => t.can.pause && sectionOf(t) !== 'asking'
    );
    await Promise.all(due.map(t => this.pause(t.key)));
  }

  async resumeAll(): Promise<void> {
    const due = this._transfers.filter(t => t.can.resume);
    await Promise.all(due.map(t => this.resume(t.key)));
  }

  /** Forget all rows that are done, cancelled or skipped; failed ones stay. */
  clearFinished(): Promise<void> {
    return this.remove(...this.section('finished').map(t => t.key));
  }

  private async _act(
    key: string,
    action: JobAction,
    onBatch: (batch: IUploadBatch) => void | Promise<void>
  ): Promise<void> {
    const batch = this._batch(key);
    if (batch) {
      await onBatch(batch);
      return;
    }
    await this._all([this._api.changeJob(jobId(key), action)]);
  }

  /** Wait for calls, bring the list up to date, then report the first failure. */
  private async _all(calls: Promise<unknown>[]): Promise<void> {
    const results = await Promise.allSettled(calls);
    await this._feed.refresh();
    for (const result of results) {
      if (result.status === 'rejected') {
        throw TransferError.from(result.reason);
      }
    }
  }

  private _batch(key: string): IUploadBatch | undefined {
    return this._uploader.batches.find(batch => `upload:${batch.id}` === key);
  }

  private _update(): void {
    const now = Date.now();
    const clock = performance.now();
    const before = new Map(this._transfers.map(t => [t.key, t]));
    const transfers: ITransfer[] = [];
    for (const job of this._feed.jobs.values()) {
      transfers.push(this._jobRow(job, clock));
    }
    for (const batch of this._uploader.batches) {
      const key = `upload:${batch.id}`;
      const known = before.get(key);
      // Not from `bytesDone`: acknowledgements come in steps of seconds.
      const rate =
        batch.state === 'running' && batch.rate > 0 ? batch.rate : null;
      const created = known?.created ?? now;
      const row = fromBatch(batch, rate, created, known?.finished ?? null);
      transfers.push(
        isOver(row) ? { ...row, finished: row.finished ?? now } : row
      );
    }
    for (const leftover of this._uploader.leftovers) {
      const known = before.get(`leftover:${leftover.id}`);
      transfers.push(fromLeftover(leftover, known?.created ?? now));
    }
    transfers.sort(inOrder);
    this._settleRates(transfers);
    this._raiseAlarms(transfers, before);
    this._transfers = transfers;
    this._round = nextRound(transfers, this._round);
    this._summary = summarize(transfers, this._round);
    this._setTimer();
    this.stateChanged.emit();
  }

  private _jobRow(job: IJob, clock: number): ITransfer {
    const known = this._finished.get(job);
    if (known) {
      return known;
    }
    if (isFinished(job.state)) {
      const row = fromJob(job, null);
      this._finished.set(job, row);
      return row;
    }
    if (job.state !== 'running' || this._feed.problem) {
      return fromJob(job, null);
    }
    const rate = this._rate(`job:${job.id}`, job.progress.bytes_done, clock);
    // The server has measured for longer than a page that was just opened.
    return fromJob(job, rate ?? job.progress.rate);
  }

  private _rate(key: string, bytes: number, clock: number): number | null {
    const filter = this._rates.get(key) ?? new RateFilter();
    this._rates.set(key, filter);
    filter.update(bytes, clock);
    return filter.rate(clock);
  }

  private _settleRates(transfers: readonly ITransfer[]): void {
    const copying = new Set(
      transfers.filter(t => t.phase === 'copying').map(t => t.key)
    );
    for (const key of this._rates.keys()) {
      if (!copying.has(key)) {
        this._rates.delete(key);
      }
    }
  }

  private _raiseAlarms(
    transfers: readonly ITransfer[],
    before: ReadonlyMap<string, ITransfer>
  ): void {
    for (const transfer of transfers) {
      const known = before.get(transfer.key);
      const asks = sectionOf(transfer) === 'asking';
      if (!asks) {
        this._alarms.delete(transfer.key);
      } else if (known && sectionOf(known) !== 'asking') {
        this._alarms.add(transfer.key);
      }
    }
    const keys = new Set(transfers.map(t => t.key));
    for (const key of this._alarms) {
      if (!keys.has(key)) {
        this._alarms.delete(key);
      }
    }
  }

  private _setTimer(): void {
    const needed = this._transfers.some(
      t => isMoving(t) || t.phase === 'retrying'
    );
    if (needed && this._timer === undefined) {
      this._timer = window.setInterval(() => this._update(), TICK);
    } else if (!needed) {
      clearInterval(this._timer);
      this._timer = undefined;
    }
  }

  private _alarms = new Set<string>();
  private _api: TransferModel.IApi;
  private _feed: TransferModel.IFeed;
  /** Rows of finished jobs, made once: a history is long. */
  private _finished = new WeakMap<IJob, ITransfer>();
  private _rates = new Map<string, RateFilter>();
  private _round: ReadonlySet<string> = new Set();
  private _summary: ISummary = summarize([], new Set());
  private _timer: number | undefined;
  private _transfers: readonly ITransfer[] = [];
  private _uploader: TransferModel.IUploads;
}

export namespace TransferModel {
  export type IApi = Pick<
    TransferApi,
    'changeJob' | 'deleteJob' | 'jobFiles' | 'tuneJob'
  >;
  export type IFeed = Pick<JobFeed, 'changed' | 'jobs' | 'problem' | 'refresh'>;
  export type IUploads = Pick<
    Uploader,
    'batches' | 'changed' | 'discard' | 'leftovers' | 'remove'
  >;

  export interface IOptions {
    readonly api: IApi;
    readonly feed: IFeed;
    readonly uploader: IUploads;
  }
}

/** The id of the job that a row shows. */
export function jobId(key: string): string {
  return key.slice(key.indexOf(':') + 1);
}

function inOrder(one: ITransfer, other: ITransfer): number {
  const section = sectionOf(one);
  const difference =
    SECTIONS.indexOf(section) - SECTIONS.indexOf(sectionOf(other));
  if (difference) {
    return difference;
  }
  // Work in the order it was asked for; results newest first.
  return section === 'finished'
    ? (other.finished ?? 0) - (one.finished ?? 0)
    : one.created - other.created;
}
