/**
 * News of the server's jobs: events while they come, lists when they do not
 * suffice, polling while they are silent.
 *
 * The event socket does not say when it is down, so silence decides: while
 * jobs are live and nothing was heard for five seconds, a list is asked for
 * every five seconds; with nothing live, every thirty, in case something was
 * started elsewhere.
 */

import type { Event } from '@jupyterlab/services';
import type { IDisposable } from '@lumino/disposable';
import { Poll } from '@lumino/polling';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';
import { TransferError } from './api';
import type { IJob, IJobEvent, IJobList } from './job';
import { isFinished } from './job';
import { JobMirror } from './mirror';

export const JOBS_SCHEMA = 'https://schema.jupyter-transfer.org/jobs/v1';

const POLL_INTERVAL = 5000;
const IDLE_INTERVAL = 30000;
const LONGEST_INTERVAL = 60000;

export class JobFeed implements IDisposable {
  constructor(options: JobFeed.IOptions) {
    this._fetch = options.fetch;
    this._stream = options.stream;
    this._stream.connect(this._onEvent, this);
    this._poll = new Poll({
      auto: true,
      name: 'jupyter-transfer:jobs',
      factory: () => this._tick(),
      frequency: {
        interval: POLL_INTERVAL,
        backoff: true,
        max: LONGEST_INTERVAL
      },
      standby: 'when-hidden'
    });
  }

  /** Emitted when jobs or `problem` changed. */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  get jobs(): ReadonlyMap<string, IJob> {
    return this._mirror.jobs;
  }

  /** Why the last list did not come; null when it came. */
  get problem(): TransferError | null {
    return this._problem;
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  dispose(): void {
    if (this._isDisposed) {
      return;
    }
    this._isDisposed = true;
    this._poll.dispose();
    this._stream.disconnect(this._onEvent, this);
    Signal.clearData(this);
  }

  /** Ask for what changed. Never rejects: `problem` tells. */
  refresh(): Promise<void> {
    if (this._pending) {
      // The list under way may be older than what is asked for now.
      this._again = true;
      return this._pending;
    }
    this._pending = this._load().then(() => {
      this._pending = null;
      if (this._again && !this._problem && !this._isDisposed) {
        this._again = false;
        return this.refresh();
      }
      this._again = false;
    });
    return this._pending;
  }

  private async _load(): Promise<void> {
    const since = this._mirror.revision;
    try {
      const list = await this._fetch(since);
      this._mirror.merge(list, since);
      this._problem = null;
    } catch (reason) {
      this._problem = TransferError.from(reason);
    }
    this._lastList = performance.now();
    if (!this._isDisposed) {
      this._changed.emit();
    }
  }

  private async _tick(): Promise<void> {
    const now = performance.now();
    const heard = now - this._lastEvent < POLL_INTERVAL;
    const live = Array.from(this.jobs.values()).some(
      job => !isFinished(job.state)
    );
    const recent = now - this._lastList < IDLE_INTERVAL;
    if (!this._problem && (heard || (!live && recent))) {
      return;
    }
    await this.refresh();
    if (this._problem) {
      // The poll backs off.
      throw this._problem;
    }
  }

  private _onEvent(_: unknown, emission: Event.Emission): void {
    if (emission.schema_id !== JOBS_SCHEMA) {
      return;
    }
    this._lastEvent = performance.now();
    const complete = this._mirror.advance(emission as unknown as IJobEvent);
    if (complete && !this._problem) {
      this._changed.emit();
    } else {
      void this.refresh();
    }
  }

  private _again = false;
  private _changed = new Signal<this, void>(this);
  private _fetch: (since?: number) => Promise<IJobList>;
  private _isDisposed = false;
  private _lastEvent = -Infinity;
  private _lastList = -Infinity;
  private _mirror = new JobMirror();
  private _pending: Promise<void> | null = null;
  private _poll: Poll;
  private _problem: TransferError | null = null;
  private _stream: ISignal<unknown, Event.Emission>;
}

export namespace JobFeed {
  export interface IOptions {
    /** `GET jobs`, all or since a revision. */
    readonly fetch: (since?: number) => Promise<IJobList>;
    /** The server's event bus. */
    readonly stream: ISignal<unknown, Event.Emission>;
  }
}
