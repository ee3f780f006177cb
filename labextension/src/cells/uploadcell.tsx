/**
 * A place to drop files in the output of a cell, and what became of them.
 */

import type { IRenderMime } from '@jupyterlab/rendermime';
import {
  Button,
  fileUploadIcon,
  VDomRenderer
} from '@jupyterlab/ui-components';
import type { Message } from '@lumino/messaging';
import * as React from 'react';
import { report } from '../commands';
import { folderUploadIcon } from '../icons';
import { chooseFiles, type Intake } from '../intake';
import type { TransferModel } from '../model';
import { folderName } from '../names';
import type { Place } from '../place';
import { TransferRow } from '../row';
import type { ITransfer } from '../transfer';
import type { IUploadBatch } from '../uploads/tokens';
import type { ICellOptions } from './jobcell';
import { readFolder, UPLOAD_MIME } from './mime';

/** The look of JupyterLab's file browser while files hover over it. */
const DROP_CLASS = 'jp-mod-native-drop';

const DRAG_EVENTS = ['dragenter', 'dragover', 'dragleave', 'drop'];

export class UploadCell
  extends VDomRenderer<TransferModel>
  implements IRenderMime.IRenderer
{
  constructor(options: UploadCell.IOptions) {
    super(options.model);
    this._options = options;
    this.addClass('jp-TransfersCell');
  }

  async renderModel(mime: IRenderMime.IMimeModel): Promise<void> {
    this._folder = readFolder(mime.data[UPLOAD_MIME]);
    this.update();
  }

  handleEvent(event: Event): void {
    const { dataTransfer, relatedTarget, type } = event as DragEvent;
    if (!dataTransfer?.types.includes('Files') || !this._isOpen) {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
    if (type === 'drop') {
      this.removeClass(DROP_CLASS);
      void this._start(folder =>
        this._options.intake.drop(dataTransfer, folder)
      );
    } else if (type !== 'dragleave') {
      dataTransfer.dropEffect = 'copy';
      this.addClass(DROP_CLASS);
    } else if (!this.node.contains(relatedTarget as Node | null)) {
      this.removeClass(DROP_CLASS);
    }
  }

  protected onAfterAttach(msg: Message): void {
    super.onAfterAttach(msg);
    DRAG_EVENTS.forEach(type => this.node.addEventListener(type, this));
  }

  protected onBeforeDetach(msg: Message): void {
    DRAG_EVENTS.forEach(type => this.node.removeEventListener(type, this));
    super.onBeforeDetach(msg);
  }

  protected render(): JSX.Element {
    const { format } = this._options;
    const { trans } = format;
    if (!this._isOpen) {
      return (
        <p className="jp-TransfersCell-note">
          {trans.__('Files cannot be uploaded here.')}
        </p>
      );
    }
    const rows = this._rows();
    return (
      <>
        <div className="jp-TransfersDrop">
          <p>
            {trans.__(
              'Drop files and folders here. They go to %1.',
              folderName(this._folder ?? '')
            )}
          </p>
          {this._button(trans.__('Upload files'), false)}
          {this._button(trans.__('Upload a folder'), true)}
        </div>
        {rows.length > 0 && (
          <ul className="jp-TransfersCell-list" onFocus={this._take}>
            {rows.map(row => (
              <TransferRow
                key={row.key}
                transfer={row}
                format={format}
                current={true}
                run={this._run}
              />
            ))}
          </ul>
        )}
      </>
    );
  }

  private _button(label: string, folder: boolean): JSX.Element {
    const Icon = folder ? folderUploadIcon : fileUploadIcon;
    return (
      <Button
        className="jp-TransfersEmpty-button jp-TransfersOutlined"
        onClick={() => void this._choose(folder)}
      >
        <Icon.react tag="span" />
        {label}
      </Button>
    );
  }

  private get _isOpen(): boolean {
    return this._folder !== null && this._options.place.uploadsAllowed;
  }

  private _rows(): ITransfer[] {
    return this._keys.flatMap(key => this.model?.get(key) ?? []);
  }

  private _choose(folder: boolean): Promise<void> {
    return this._start(async destination =>
      this._options.intake.upload(await chooseFiles(folder), destination)
    );
  }

  private async _start(
    begin: (folder: string) => Promise<IUploadBatch | null>
  ): Promise<void> {
    try {
      const batch = await begin(this._folder ?? '');
      if (batch) {
        this._keys.unshift(`upload:${batch.id}`);
        this.update();
      }
    } catch (reason) {
      report(reason, this._options.format);
    }
  }

  /** Menus and shortcuts act on that row now. */
  private _take = (event: React.FocusEvent): void => {
    const row = (event.target as HTMLElement).closest<HTMLElement>(
      '.jp-TransfersRow'
    );
    if (row && this.model) {
      this.model.currentKey = row.dataset.transferKey ?? null;
    }
  };

  private _run = (command: string, key: string): void => {
    void this._options.commands.execute(command, { key });
  };

  private _folder: string | null = null;
  /** What was dropped here, the last first. */
  private _keys: string[] = [];
  private _options: UploadCell.IOptions;
}

export namespace UploadCell {
  export interface IOptions extends ICellOptions {
    readonly intake: Pick<Intake, 'drop' | 'upload'>;
    readonly place: Pick<Place, 'uploadsAllowed'>;
  }
}
