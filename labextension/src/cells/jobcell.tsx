/**
 * The jobs in the output of a cell: rows as in the panel, live as long as the
 * server lists them, else as the kernel saw them last.
 */

import type { IRenderMime } from '@jupyterlab/rendermime';
import { VDomRenderer } from '@jupyterlab/ui-components';
import type { CommandRegistry } from '@lumino/commands';
import type { Message } from '@lumino/messaging';
import * as React from 'react';
import type { Format } from '../format';
import { CommandIDs } from '../ids';
import type { TransferModel } from '../model';
import type { KernelAction } from './kerneljob';
import { KernelJob, kernelOf } from './kerneljob';
import type { ICellJobs } from './mime';
import { JOB_MIME, JOBS_MIME, readJob, readJobs } from './mime';
import { SeenJob, SILENCE } from './seenjob';

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
    this._kernel?.dispose();
    super.dispose();
  }

  async renderModel(mime: IRenderMime.IMimeModel): Promise<void> {
    const told = read(mime);
    const seen = told?.jobs.map(job => new SeenJob(job)) ?? null;
    const ids = (jobs: SeenJob[] | null) => jobs?.map(job => job.id).join();
    const isNew = ids(seen) !== ids(this._seen);
    this._seen = seen;
    this._more = told?.more ?? 0;
    clearTimeout(this._timer);
    this._timer = window.setTimeout(() => this.update(), SILENCE);
    if (isNew) {
      this._asked = false;
    }
    this._listen();
    this.update();
    if (seen && !this._asked) {
      if (seen.some(job => job.isServers && !job.live(this.model))) {
        await this.model!.refresh();
      }
      this._asked = true;
      this.update();
    }
  }

  protected render(): JSX.Element {
    const { trans } = this._format;
    if (!this._seen) {
      return (
        <p className="jp-TransfersCell-note">
          {trans.__('This output is of another version of jupyter_transfer.')}
        </p>
      );
    }
    const options = {
      model: this.model,
      format: this._format,
      asked: this._asked,
      held: this._kernel?.holds === true,
      run: this._run,
      take: this._take
    };
    return (
      <>
        {this._seen.map(job => job.render(options))}
        {this._more > 0 && (
          <p className="jp-TransfersCell-note">
            {trans._n(
              'And one more, which the panel shows.',
              'And %2 more, which the panel shows.',
              this._more,
              this._format.count(this._more)
            )}
          </p>
        )}
      </>
    );
  }

  /** The document that the output is in, and its kernel, are known now. */
  protected onAfterAttach(message: Message): void {
    super.onAfterAttach(message);
    this._listen();
  }

  /** Ask the kernel whether it holds the job that it moves. */
  private _listen(): void {
    const job = this._seen?.find(one => one.isKernels);
    if (
      this._kernel &&
      (this._kernel.id !== job?.id || this._kernel.isDisposed)
    ) {
      this._kernel.dispose();
      this._kernel = null;
    }
    const kernel = job && !this._kernel && kernelOf(this);
    if (kernel) {
      this._kernel = new KernelJob(kernel, job.id, () => this.update());
    }
  }

  private _take = (key: string): void => {
    if (this.model) {
      this.model.currentKey = key;
    }
  };

  private _run = (command: string, key: string): void => {
    const action = ACTIONS[command];
    if (action && this._kernel?.holds && key === `job:${this._kernel.id}`) {
      this._kernel.act(action);
      return;
    }
    void this._commands.execute(command, { key });
  };

  /** Whether the server was asked for jobs that are not on the list here. */
  private _asked = false;
  private _commands: CommandRegistry;
  private _format: Format;
  private _kernel: KernelJob | null = null;
  private _more = 0;
  private _seen: SeenJob[] | null = null;
  private _timer: number | undefined;
}

/** What a kernel understands of the buttons of a row. */
const ACTIONS: Readonly<Record<string, KernelAction | undefined>> = {
  [CommandIDs.pause]: 'pause',
  [CommandIDs.resume]: 'resume',
  [CommandIDs.cancel]: 'cancel'
};

function read({ data }: IRenderMime.IMimeModel): ICellJobs | null {
  if (data[JOBS_MIME] !== undefined) {
    return readJobs(data[JOBS_MIME]);
  }
  const job = readJob(data[JOB_MIME]);
  return job && { jobs: [job], more: 0 };
}

/** What outputs are drawn with. */
export interface ICellOptions {
  readonly model: TransferModel;
  readonly commands: CommandRegistry;
  readonly format: Format;
}
