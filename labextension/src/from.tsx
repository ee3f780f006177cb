/**
 * The dialog "From…": any address, what stands there, and where to put it.
 */

import { Dialog } from '@jupyterlab/apputils';
import { caretDownEmptyIcon, ReactWidget } from '@jupyterlab/ui-components';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';
import * as React from 'react';
import { explain } from './errors';
import type { Format } from './format';
import type { IBackend, IJobRequest, OptionValue } from './job';
import { Found } from './found';
import { given, OptionFields } from './optionfields';
import { type IProbeResult, Prober } from './prober';
import type { ConflictPolicy } from './uploads/tokens';

const EXAMPLE = 'https://…';

export interface IFromOptions {
  readonly prober: Prober;
  /** The kinds of address that the server reaches; the form goes without. */
  readonly backends: Promise<readonly IBackend[]>;
  readonly format: Format;
  /** An address to begin with. */
  readonly address: string;
  /** The folder below the server's root to begin with. */
  readonly folder: string;
  readonly conflict: ConflictPolicy;
}

/**
 * Ask for an address.
 *
 * @returns The job to start; null when the person thought better of it.
 */
export async function askAddress(
  options: IFromOptions
): Promise<IJobRequest | null> {
  const { trans } = options.format;
  const body = new FromForm(options);
  const dialog = new FromDialog({
    title: trans.__('Transfer from an address'),
    body,
    buttons: [
      Dialog.cancelButton(),
      Dialog.okButton({ label: trans.__('Start') })
    ],
    focusNodeSelector: 'input',
    hasClose: true
  });
  const { button, value } = await dialog.launch();
  return button.accept && value?.source ? value : null;
}

/** A dialog whose Start button follows the form, also when news come late. */
class FromDialog extends Dialog<IJobRequest> {
  constructor(
    options: Partial<Dialog.IOptions<IJobRequest>> & { body: FromForm }
  ) {
    super(options);
    this.addClass('jp-TransfersFrom-dialog');
    options.body.changed.connect(() => this._checkValidation());
    void this.ready.then(() => this._checkValidation());
  }
}

class FromForm extends ReactWidget implements Dialog.IBodyWidget<IJobRequest> {
  constructor(options: IFromOptions) {
    super();
    this._options = options;
    this._address = options.address;
    this._folder = options.folder;
    this._conflict = options.conflict;
    this._prober = options.prober;
    this._prober.changed.connect(this._onChange, this);
    this._prober.look(this._address);
    options.backends.then(
      backends => this._set(() => (this._backends = backends)),
      () => undefined
    );
    this.addClass('jp-TransfersFrom');
  }

  /** Emitted after the form was drawn anew. */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  dispose(): void {
    if (!this.isDisposed) {
      this._prober.dispose();
      Signal.clearData(this);
    }
    super.dispose();
  }

  getValue(): IJobRequest {
    const folder = this._folder.trim().replace(/^\/+|\/+$/g, '');
    return {
      source: this._address.trim(),
      destination: (folder ? `${folder}/` : '') + this._fileName(),
      options: { ...this._given, conflict: this._conflict }
    };
  }

  protected render(): JSX.Element {
    const { format } = this._options;
    const { trans } = format;
    const backend = this._backend;
    return (
      <>
        <label>
          <span>{trans.__('Address')}</span>
          <AddressInput
            value={this._address}
            result={this._prober.result}
            format={format}
            onChange={this._onAddress}
          />
        </label>
        <Found
          result={this._prober.result}
          format={format}
          onTrust={fingerprint => this._onOption('host_key', fingerprint)}
        />
        {backend && (
          <OptionFields
            key={backend.name}
            backend={backend}
            values={this._values}
            needed={this._needsCredentials}
            format={format}
            onChange={this._onOption}
          />
        )}
        <label>
          <span>{trans.__('Save in folder')}</span>
          <input
            className="jp-mod-styled"
            type="text"
            spellCheck={false}
            value={this._folder}
            placeholder="/"
            onChange={event =>
              this._set(() => (this._folder = event.target.value))
            }
          />
        </label>
        <label>
          <span>{trans.__('If the name is taken')}</span>
          <div className="jp-select-wrapper">
            <select
              className="jp-mod-styled"
              value={this._conflict}
              onChange={event =>
                this._set(
                  () => (this._conflict = event.target.value as ConflictPolicy)
                )
              }
            >
              <option value="rename">{trans.__('Keep both')}</option>
              <option value="overwrite">{trans.__('Replace')}</option>
              <option value="skip">{trans.__('Skip')}</option>
            </select>
            <caretDownEmptyIcon.react
              tag="span"
              stylesheet="select"
              right="8px"
              top="5px"
              width="18px"
            />
          </div>
        </label>
        <p className="jp-TransfersFrom-hint">
          {trans.__('It goes on when this tab is closed.')}
        </p>
      </>
    );
  }

  protected onUpdateRequest(msg: any): void {
    super.onUpdateRequest(msg);
    void this.renderPromise?.then(() => this._changed.emit());
  }

  /** The name that the server found for a single file; it knows more than the address. */
  private _fileName(): string {
    const { result } = this._prober;
    const single = result.state === 'found' && result.probe.files === 1;
    return single && !result.probe.title.includes('/')
      ? result.probe.title
      : '';
  }

  /** The backend of the address, by its scheme; the server may know better. */
  private get _backend(): IBackend | undefined {
    const { result } = this._prober;
    const scheme = /^\s*([a-z][a-z0-9+.-]*):/i
      .exec(this._address)?.[1]
      .toLowerCase();
    const name = result.state === 'found' ? result.probe.backend : null;
    return (
      this._backends.find(backend => backend.name === name) ??
      this._backends.find(backend => backend.schemes.includes(scheme ?? ''))
    );
  }

  private get _given(): Record<string, OptionValue> {
    return this._backend ? given(this._backend, this._values) : {};
  }

  private get _needsCredentials(): boolean {
    const { result } = this._prober;
    return result.state === 'found' && result.probe.needs === 'credentials';
  }

  private _onAddress = (value: string): void => {
    this._set(() => (this._address = value));
    this._prober.look(value, this._given);
  };

  private _onOption = (name: string, value: OptionValue): void => {
    this._set(() => (this._values = { ...this._values, [name]: value }));
    this._prober.look(this._address, this._given);
  };

  private _set(change: () => void): void {
    change();
    this.update();
  }

  private _onChange(): void {
    this.update();
  }

  private _address: string;
  private _backends: readonly IBackend[] = [];
  private _changed = new Signal<this, void>(this);
  private _conflict: ConflictPolicy;
  private _folder: string;
  private _options: IFromOptions;
  private _prober: Prober;
  private _values: Readonly<Record<string, OptionValue>> = {};
}

/** The field for the address; it is invalid while nothing can come of it. */
function AddressInput(props: {
  value: string;
  result: IProbeResult;
  format: Format;
  onChange: (value: string) => void;
}): JSX.Element {
  const { value, result, format, onChange } = props;
  const input = React.useRef<HTMLInputElement>(null);
  // Local, because the widget draws too late for the caret to stay in place.
  const [text, setText] = React.useState(value);
  const problem =
    result.state === 'failed' && !result.error.retryable
      ? explain(result.error, format).what
      : '';
  React.useLayoutEffect(() => input.current?.setCustomValidity(problem));
  return (
    <input
      ref={input}
      className="jp-mod-styled"
      type="text"
      inputMode="url"
      required
      spellCheck={false}
      autoComplete="off"
      value={text}
      placeholder={EXAMPLE}
      aria-invalid={problem !== ''}
      onChange={event => {
        setText(event.target.value);
        onChange(event.target.value);
      }}
    />
  );
}
