/**
 * The browser's copy of the server's list of jobs.
 *
 * Two kinds of news reach it: lists (`GET jobs?since=`), which are complete,
 * and events, which carry only state and progress. An event is applied when it
 * builds on exactly what is known here; anything else (a gap, an unknown job,
 * another state) means that a list must be asked for. Nothing is guessed.
 */

import type { IJob, IJobEvent, IJobList } from './job';

export class JobMirror {
  /** All jobs by id. */
  get jobs(): ReadonlyMap<string, IJob> {
    return this._jobs;
  }

  /** The revision that the jobs are at; undefined before the first list. */
  get revision(): number | undefined {
    return this._revision;
  }

  /**
   * Take over a list.
   *
   * @param since - The revision that was asked for.
   */
  merge(list: IJobList, since: number | undefined): void {
    if (since === undefined || list.full) {
      this._jobs = new Map(list.jobs.map(job => [job.id, job]));
      this._revision = list.revision;
      this._sortOutStrangers(list.revision);
      return;
    }
    for (const id of list.removed ?? []) {
      this._jobs.delete(id);
    }
    for (const job of list.jobs) {
      const known = this._jobs.get(job.id);
      // An event may have overtaken the list.
      if (!known || known.revision <= job.revision) {
        this._jobs.set(job.id, job);
      }
    }
    this._revision = Math.max(this._revision ?? 0, list.revision);
    this._sortOutStrangers(list.revision);
  }

  /**
   * Take over an event.
   *
   * @returns Whether the copy is complete again; if not, ask for a list.
   */
  advance(event: IJobEvent): boolean {
    if (this._revision === undefined) {
      return false;
    }
    const own = event.jobs.filter(news => !this._strangers.has(news.id));
    const unknown = own.filter(news => !this._jobs.has(news.id));
    if (unknown.length) {
      unknown.forEach(news => this._unknown.set(news.id, news.revision));
      return false;
    }
    if (event.revision <= this._revision) {
      // Overtaken by a list.
      return true;
    }
    if (event.previous !== this._revision) {
      return false;
    }
    for (const news of own) {
      if (this._jobs.get(news.id)!.state !== news.state) {
        // Reason, times and verdict come with a change of state.
        return false;
      }
    }
    for (const news of own) {
      const job = this._jobs.get(news.id)!;
      this._jobs.set(news.id, {
        ...job,
        progress: news.progress,
        revision: news.revision
      });
    }
    for (const id of event.removed) {
      this._jobs.delete(id);
    }
    this._revision = event.revision;
    return true;
  }

  private _sortOutStrangers(revision: number): void {
    for (const [id, since] of this._unknown) {
      if (since <= revision) {
        this._unknown.delete(id);
        if (!this._jobs.has(id)) {
          this._strangers.add(id);
        }
      }
    }
  }

  private _jobs = new Map<string, IJob>();
  private _revision: number | undefined;
  private _strangers = new Set<string>();
  /** Ids not seen in a list so far, with the revision that told of them. */
  private _unknown = new Map<string, number>();
}
