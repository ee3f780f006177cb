/**
 * The dialog "From File…": a YAML file of the server or of this computer, the
 * transfers that it describes, and what they lack.
 */

import { ReactWidget } from '@jupyterlab/ui-components';
import type { Contents } from '@jupyterlab/services';
import type { Message } from '@lumino/messaging';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';
import * as React from 'react';
import type { TransferApi } from './api';
import { TransferError } from './api';
import type { Format } from './format';
import type { IForm } from './formdialog';
import { showForm } from './formdialog';
import { chooseFiles } from './intake';
import { JobFile } from './jobfile';
import { FileTransfers } from './jobfileview';
import { baseName } from './names';
import { TextInput } from './textinput';

/** What of a path says that it may be a file of transfers. */
export const IS_YAML = /\.ya?ml$/i;

export interface IFromFileOptions {
  readonly api: Pick<TransferApi, 'planFile' | 'applyFile'>;
  readonly contents: Pick<Contents.IManager, 'get'>;
  readonly format: Format;
  /** A file of the server to begin with; '' for none. */
  readonly path: string;
  /** Files of the server to choose from. */
  readonly suggestions: readonly string[];
}

/**
 * Ask for a file and start what it describes.
 *
 * @returns Whether something was started.
 */
export async function askFile(options: IFromFileOptions): Promise<boolean> {
  const { trans } = options.format;
  const started = await showForm(
    new FromFileForm(options),
    trans.__('Transfers from a file'),
    trans.__('Start')
  );
  return started !== null;
}

/** Milliseconds after the last key before a path is read. */
const PAUSE = 400;

class FromFileForm extends ReactWidget implements IForm<true> {
  constructor(private _options: IFromFileOptions) {
    super();
    this.addClass('jp-TransfersFrom');
    this._file = new JobFile(_options.api);
    this._file.changed.connect(() => this.update());
    if (_options.path) {
      this._read(_options.path);
    }
  }

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  dispose(): void {
    clearTimeout(this._timer);
    this._file.dispose();
    Signal.clearData(this);
    super.dispose();
  }

  getValue(): true {
    return true;
  }

  async submit(): Promise<boolean> {
    this._refusal = null;
    try {
      await this._file.start();
      return true;
    } catch (reason) {
      this._refusal = TransferError.from(reason);
      this.update();
      return false;
    }
  }

  protected onUpdateRequest(msg: Message): void {
    super.onUpdateRequest(msg);
    void this.renderPromise?.then(() => this._changed.emit());
  }

  protected render(): JSX.Element {
    const { format, suggestions } = this._options;
    const { trans } = format;
    return (
      <>
        <div className="jp-TransfersFrom-address">
          <label>
            <span>{trans.__('File of the server')}</span>
            <TextInput
              value={this._path}
              list="jp-TransfersFile-suggestions"
              placeholder={trans.__('such as jobs/daily.yaml')}
              // The dialog's button follows it.
              required={this._file.result.state === 'empty'}
              problem={this._problem}
              onChange={path => this._readSoon(path)}
            />
            <datalist id="jp-TransfersFile-suggestions">
              {suggestions.map(path => (
                <option key={path} value={path} />
              ))}
            </datalist>
          </label>
          <button
            type="button"
            className="jp-mod-styled"
            onClick={() => void this._choose()}
          >
            {trans.__('From This Computer…')}
          </button>
        </div>
        {this._chosen && (
          <p className="jp-TransfersFrom-hint">
            {trans.__('%1 of this computer', this._chosen)}
          </p>
        )}
        <FileTransfers
          file={this._file}
          refusal={this._refusal}
          format={format}
        />
      </>
    );
  }

  /** Why it cannot be started; the list says it at length. */
  private get _problem(): string {
    const { isReady, result } = this._file;
    return isReady || result.state === 'empty'
      ? ''
      : this._options.format.trans.__('Not all of it can be started yet.');
  }

  private _readSoon(path: string): void {
    clearTimeout(this._timer);
    this._path = path;
    this._chosen = '';
    if (path.trim()) {
      this._timer = setTimeout(() => this._read(path.trim()), PAUSE);
    } else {
      this._file.clear();
    }
  }

  private _read(path: string): void {
    const { contents, format } = this._options;
    this._path = path;
    this._refusal = null;
    void this._file.load(async () => {
      try {
        const options = {
          content: true,
          type: 'file',
          format: 'text'
        } as const;
        return String((await contents.get(path, options)).content);
      } catch {
        throw new TransferError({
          code: 'not_found',
          message: format.trans.__('%1 cannot be read.', baseName(path)),
          remedy: format.trans.__('Choose a YAML file.')
        });
      }
    });
  }

  private async _choose(): Promise<void> {
    const [item] = await chooseFiles(false, '.yaml,.yml');
    if (item) {
      this._path = '';
      this._refusal = null;
      this._chosen = item.relativePath;
      await this._file.load(async () => (await item.open()).text());
    }
  }

  private _changed = new Signal<this, void>(this);
  private _chosen = '';
  private _file: JobFile;
  private _path = '';
  private _refusal: TransferError | null = null;
  private _timer: ReturnType<typeof setTimeout> | undefined;
}
