/**
 * A job in the output of a cell: the panel's row as long as the server lists
 * the job, else what the kernel saw last.
 */

import * as React from 'react';
import type { Format } from '../format';
import { isFinished } from '../job';
import { fromJob } from '../jobrow';
import type { TransferModel } from '../model';
import { TransferRow } from '../row';
import type { IAbilities, ITransfer } from '../transfer';
import type { ICellJob } from './mime';

/** The kernel tells of a job that moves more often than that. */
export const SILENCE = 60_000;

const NOTHING: IAbilities = {
  pause: false,
  resume: false,
  cancel: false,
  retry: false,
  approve: false,
  review: false,
  authenticate: false,
  remove: false
};

export class SeenJob {
  constructor(seen: ICellJob) {
    this._seen = seen;
    this._row = { ...fromJob(seen.job, null), arrived: false };
  }

  get id(): string {
    return this._seen.job.id;
  }

  /** Whether the server may know more of it. */
  get isServers(): boolean {
    return this._seen.where === 'server';
  }

  /** Whether the kernel that moves it may be asked to pause it, and such. */
  get isKernels(): boolean {
    return !this.isServers && !isFinished(this._seen.job.state);
  }

  /** The row of the panel. */
  live(model: TransferModel | null): ITransfer | undefined {
    return model?.get(`job:${this.id}`);
  }

  render(options: ISeenOptions): JSX.Element {
    const { model, format, run, take } = options;
    const live = this.live(model);
    if (live) {
      // What is shown when the server has forgotten the job.
      this._row = { ...live, arrived: false };
      this._seen = { ...this._seen, at: Date.now() };
    }
    const held = !live && this.isKernels && options.held;
    const can = held ? byKernel(this._row.can) : NOTHING;
    const row = live ?? { ...this._row, can };
    const note = live || !options.asked ? null : this._note(options);
    return (
      <div
        key={this.id}
        className={`jp-TransfersCell-job ${live || held ? '' : 'jp-mod-past'}`}
        onFocus={() => take(row.key)}
        onContextMenuCapture={() => take(row.key)}
      >
        <ul className="jp-TransfersCell-list">
          <TransferRow
            key={row.key}
            transfer={row}
            format={format}
            current={true}
            run={run}
          />
        </ul>
        {note && <p className="jp-TransfersCell-note">{note}</p>}
      </div>
    );
  }

  /** Why there are no buttons, and how old this is. */
  private _note(options: ISeenOptions): string {
    const { model, format } = options;
    const { at, job, where } = this._seen;
    const { trans } = format;
    const moment = format.dateTime(at);
    if (where === 'kernel') {
      return isFinished(job.state) || options.held || Date.now() - at < SILENCE
        ? trans.__('Moved by the kernel, not by the server.')
        : trans.__('Moved by the kernel; as it was at %1.', moment);
    }
    if (model?.problem) {
      return trans.__('The server does not answer; as it was at %1.', moment);
    }
    return trans.__(
      'Not on the list of this server (any more); as it was at %1.',
      moment
    );
  }

  private _row: ITransfer;
  private _seen: ICellJob;
}

/** What a job in an output is drawn with. */
export interface ISeenOptions {
  readonly model: TransferModel | null;
  readonly format: Format;
  /** Whether the server was asked for jobs that are not on the list here. */
  readonly asked: boolean;
  /** Whether the kernel does what the buttons say. */
  readonly held: boolean;
  readonly run: (command: string, key: string) => void;
  /** Menus and shortcuts act on this row now. */
  readonly take: (key: string) => void;
}

/** What a kernel can do with a job of its own. */
function byKernel({ pause, resume, cancel }: IAbilities): IAbilities {
  return { ...NOTHING, pause, resume, cancel };
}
