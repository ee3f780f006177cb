/**
 * The dialogs with the files of a job: what became of each, and, of a job that
 * waits with a plan, what would become of each.
 */

import { Dialog, ReactWidget } from '@jupyterlab/apputils';
import * as React from 'react';
import { FileList } from './filelist';
import { FilePages } from './filepages';
import type { Format } from './format';
import type { IFilePage, IFileQuery, IJobFile, IJobPlan } from './job';
import { ListDialog } from './listdialog';
import type { TransferModel } from './model';
import { planText, planWarnings } from './planwords';
import { Select } from './select';
import type { ITransfer } from './transfer';
import { isOver } from './transfer';

/** Milliseconds between looks at a job that goes on. */
const INTERVAL = 2000;

export interface IFilesOptions {
  readonly transfer: ITransfer;
  readonly model: Pick<TransferModel, 'get' | 'stateChanged'>;
  readonly ask: (query: IFileQuery) => Promise<IFilePage>;
  /** The address of the report to download. */
  readonly reportUrl: string;
  /** Show a file that arrived on this server. */
  readonly open: (file: IJobFile) => Promise<unknown>;
  readonly format: Format;
}

/** Show what became of each file. */
export async function showFiles(options: IFilesOptions): Promise<void> {
  const { transfer, format } = options;
  const { trans } = format;
  const dialog: Dialog<void> = new ListDialog<void>({
    title: trans.__('Files of %1', transfer.name),
    body: new FilesView(options, null, file => {
      dialog.reject();
      void options.open(file);
    }),
    buttons: [Dialog.cancelButton({ label: trans.__('Close') })],
    focusNodeSelector: '.jp-TransfersFiles-box',
    hasClose: true
  });
  dialog.addClass('jp-TransfersFiles-dialog');
  await dialog.launch();
}

/** What a person says to a plan; `later` leaves the job waiting. */
export type Verdict = 'approve' | 'cancel' | 'later';

/** Show what would become of each file, and ask. */
export async function reviewPlan(
  options: IFilesOptions,
  plan: IJobPlan
): Promise<Verdict> {
  const { transfer, format } = options;
  const { trans } = format;
  const dialog = new ListDialog<void>({
    title: trans.__('Go on with %1?', transfer.name),
    body: new FilesView(options, plan),
    buttons: [
      Dialog.cancelButton({ label: trans.__('Not Now') }),
      Dialog.createButton({
        label: trans.__('Cancel the Transfer'),
        actions: ['cancel'],
        className: 'jp-mod-reject'
      }),
      Dialog.createButton({
        label: approval(plan, format),
        actions: ['approve'],
        displayType: plan.delete > 0 ? 'warn' : 'default'
      })
    ],
    // Enter must not delete anything by itself.
    defaultButton: 0,
    focusNodeSelector: '.jp-TransfersFiles-box',
    hasClose: true
  });
  dialog.addClass('jp-TransfersFiles-dialog');
  const { button } = await dialog.launch();
  return (button.actions[0] as Verdict | undefined) ?? 'later';
}

/** What pressing the button does, in full. */
function approval(plan: IJobPlan, format: Format): string {
  const { trans } = format;
  if (plan.delete > 0) {
    return trans._n(
      'Delete One File and Go On',
      'Delete %2 Files and Go On',
      plan.delete,
      format.count(plan.delete)
    );
  }
  return plan.replace > 0
    ? trans._n(
        'Replace One File and Go On',
        'Replace %2 Files and Go On',
        plan.replace,
        format.count(plan.replace)
      )
    : trans.__('Go On');
}

class FilesView extends ReactWidget {
  constructor(
    private _options: IFilesOptions,
    private _plan: IJobPlan | null,
    private _open?: (file: IJobFile) => void
  ) {
    super();
    this.addClass('jp-TransfersFiles-view');
    this._pages = new FilePages(_options.ask);
    this._pages.changed.connect(() => this.update());
    if (_plan) {
      this._pages.state = 'planned';
    } else {
      this._pages.need(0, 1);
    }
    this._timer = window.setInterval(() => this._look(), INTERVAL);
  }

  dispose(): void {
    if (!this.isDisposed) {
      clearInterval(this._timer);
      this._pages.dispose();
    }
    super.dispose();
  }

  protected render(): JSX.Element {
    const { format, reportUrl, transfer } = this._options;
    const { trans } = format;
    const { problem, total } = this._pages;
    return (
      <>
        {this._plan ? (
          <>
            <p className="jp-TransfersFiles-path">
              {planText(this._plan, format)}
            </p>
            {planWarnings(this._plan, format).map(warning => (
              <p key={warning}>{warning}</p>
            ))}
          </>
        ) : (
          <div className="jp-TransfersFiles-bar">
            {this._renderFilter()}
            <span className="jp-TransfersFiles-total" role="status">
              {total === null
                ? ''
                : trans._n('one file', '%2 files', total, format.count(total))}
            </span>
            <a
              className="jp-TransfersFiles-report"
              href={reportUrl}
              download=""
            >
              {trans.__('Download the report')}
            </a>
          </div>
        )}
        {problem && (
          <p className="jp-TransfersFound-error">
            {trans.__('The list could not be loaded. It is tried again.')}
          </p>
        )}
        <FileList
          key={this._pages.state}
          pages={this._pages}
          label={trans.__('Files of %1', transfer.name)}
          format={format}
          onOpen={this._open}
        />
      </>
    );
  }

  private _renderFilter(): JSX.Element {
    const { trans } = this._options.format;
    return (
      <Select
        value={this._pages.state ?? ''}
        label={trans.__('Which files')}
        choices={[
          { value: '', label: trans.__('All files') },
          { value: 'failed', label: trans.__('Failed') },
          { value: 'done', label: trans.__('Done') },
          { value: 'present', label: trans.__('Already there') },
          { value: 'skipped', label: trans.__('Skipped') }
        ]}
        onChange={state => {
          this._pages.state = state || undefined;
          this.update();
        }}
      />
    );
  }

  /** Rows come and change while the job goes on. */
  private _look(): void {
    const { model, transfer } = this._options;
    const now = model.get(transfer.key);
    const still = !now || isOver(now);
    if (this._pages.problem || !still || !this._wasOver) {
      this._pages.refresh();
    }
    this._wasOver = still;
  }

  private _pages: FilePages;
  private _timer: number;
  private _wasOver = false;
}
