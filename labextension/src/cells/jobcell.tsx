/**
 * A job in the output of a cell: a row as in the panel, live as long as the
 * server lists the job, else as the kernel saw it last.
 */

import type { IRenderMime } from '@jupyterlab/rendermime';
import { VDomRenderer } from '@jupyterlab/ui-components';
import type { CommandRegistry } from '@lumino/commands';
import * as React from 'react';
import type { Format } from '../format';
import { isFinished } from '../job';
import { fromJob } from '../jobrow';
import type { TransferModel } from '../model';
import { TransferRow } from '../row';
import type { IAbilities, ITransfer } from '../transfer';
import type { ICellJob } from './mime';
import { JOB_MIME, readJob } from './mime';

/** The kernel tells of a job that moves more often than that. */
const SILENCE = 60_000;

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

export class JobCell
  extends VDomRenderer<TransferModel>
  implements IRenderMime.IRenderer
{
  constructor(options: ICellOptions) {
    super(options.model);
    this._commands = options.commands;
    this._format = options.format;
    this.addClass('jp-TransfersCell');
  }

  dispose(): void {
    clearTimeout(this._timer);
    super.dispose();
  }

  async renderModel(mime: IRenderMime.IMimeModel): Promise<void> {
    const seen = readJob(mime.data[JOB_MIME]);
    const isNew = seen?.job.id !== this._seen?.job.id;
    this._seen = seen;
    this._row = seen && {
      ...fromJob(seen.job, null),
      arrived: false,
      can: NOTHING
    };
    clearTimeout(this._timer);
    this._timer = window.setTimeout(() => this.update(), SILENCE);
    if (isNew) {
      this._asked = false;
    }
    this.update();
    if (seen && !this._asked) {
      if (seen.where === 'server' && !this._live) {
        await this.model!.refresh();
      }
      this._asked = true;
      this.update();
    }
  }

  protected render(): JSX.Element {
    const live = this._live;
    const row = live ?? this._row;
    const { trans } = this._format;
    if (live) {
      this._keep(live);
    }
    if (!row) {
      return (
        <p className="jp-TransfersCell-note">
          {trans.__('This output is of another version of jupyter_transfer.')}
        </p>
      );
    }
    const note = this._note();
    return (
      <div
        className={this._live ? '' : 'jp-mod-past'}
        onFocus={this._take}
        onContextMenuCapture={this._take}
      >
        <ul className="jp-TransfersCell-list">
          <TransferRow
            key={row.key}
            transfer={row}
            format={this._format}
            current={true}
            run={this._run}
          />
        </ul>
        {note && <p className="jp-TransfersCell-note">{note}</p>}
      </div>
    );
  }

  /** What is shown when the server has forgotten the job. */
  private _keep(row: ITransfer): void {
    this._row = { ...row, arrived: false, can: NOTHING };
    this._seen = this._seen && { ...this._seen, at: Date.now() };
  }

  /** The row of the panel. */
  private get _live(): ITransfer | undefined {
    return this._seen ? this.model?.get(`job:${this._seen.job.id}`) : undefined;
  }

  /** Why there are no buttons, and how old this is. */
  private _note(): string | null {
    const { _format: format, _seen: seen } = this;
    const { trans } = format;
    if (!seen || this._live || !this._asked) {
      return null;
    }
    const { at, job, where } = seen;
    const moment = format.dateTime(at);
    if (where === 'kernel') {
      return isFinished(job.state) || Date.now() - at < SILENCE
        ? trans.__('Moved by the kernel, not by the server.')
        : trans.__('Moved by the kernel; as it was at %1.', moment);
    }
    if (this.model?.problem) {
      return trans.__('The server does not answer; as it was at %1.', moment);
    }
    return trans.__(
      'Not on the list of this server (any more); as it was at %1.',
      moment
    );
  }

  /** Menus and shortcuts act on this row now. */
  private _take = (): void => {
    if (this._seen && this.model) {
      this.model.currentKey = `job:${this._seen.job.id}`;
    }
  };

  private _run = (command: string, key: string): void => {
    void this._commands.execute(command, { key });
  };

  /** Whether the server was asked for a job that is not on the list here. */
  private _asked = false;
  private _commands: CommandRegistry;
  private _format: Format;
  private _row: ITransfer | null = null;
  private _seen: ICellJob | null = null;
  private _timer: number | undefined;
}

/** What outputs are drawn with. */
export interface ICellOptions {
  readonly model: TransferModel;
  readonly commands: CommandRegistry;
  readonly format: Format;
}
