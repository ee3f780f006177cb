/**
 * The dialog that asks for what a waiting job lacks: the secret options of its
 * backend. They go to the server's memory and nowhere else.
 */

import { Dialog, ReactWidget, showDialog } from '@jupyterlab/apputils';
import * as React from 'react';
import type { Format } from './format';
import type { IBackend, OptionValue } from './job';
import { Fields, given } from './optionfields';

type Values = Record<string, OptionValue>;

export interface ICredentialsOptions {
  /** Of the transfer, for the title. */
  readonly name: string;
  readonly address: string;
  readonly backends: readonly IBackend[];
  readonly format: Format;
}

/** Ask; null when the person thought better of it. */
export async function askCredentials(
  options: ICredentialsOptions
): Promise<Values | null> {
  const { trans } = options.format;
  const scheme = options.address.split(':', 1)[0].toLowerCase();
  const backend = options.backends.find(({ schemes }) =>
    schemes.includes(scheme)
  );
  if (!backend) {
    return {};
  }
  const secret = {
    ...backend,
    options: backend.options.filter(option => option.secret)
  };
  const { button, value } = await showDialog<Values>({
    title: trans.__('Credentials for %1', options.name),
    body: new CredentialsForm(secret, options.format),
    buttons: [
      Dialog.cancelButton(),
      Dialog.okButton({ label: trans.__('Go On') })
    ],
    focusNodeSelector: 'input'
  });
  return button.accept ? (value ?? {}) : null;
}

class CredentialsForm
  extends ReactWidget
  implements Dialog.IBodyWidget<Values>
{
  constructor(backend: IBackend, format: Format) {
    super();
    this._backend = backend;
    this._format = format;
    this.addClass('jp-TransfersFrom');
  }

  getValue(): Values {
    return given(this._backend, this._values);
  }

  protected render(): JSX.Element {
    return (
      <>
        <Fields
          backend={this._backend}
          values={this._values}
          onChange={(name, value) => {
            this._values = { ...this._values, [name]: value };
          }}
        />
        <p className="jp-TransfersFrom-hint">
          {this._format.trans.__(
            'They stay in the memory of the server and are stored nowhere.'
          )}
        </p>
      </>
    );
  }

  private _backend: IBackend;
  private _format: Format;
  private _values: Values = {};
}
