/**
 * The dialog that asks for what a waiting job lacks: the secret options of its
 * backend. They go to the server's memory and nowhere else.
 */

import { Dialog, ReactWidget, showDialog } from '@jupyterlab/apputils';
import * as React from 'react';
import { backendOf, ofDestination, optionsAt } from './endpoint';
import type { Format } from './format';
import type { IBackend, IFormOption, OptionValue } from './job';
import { Fields, given } from './optionfields';

type Values = Record<string, OptionValue>;

export interface ICredentialsOptions {
  /** Of the transfer, for the title. */
  readonly name: string;
  readonly source: string;
  readonly destination: string;
  readonly backends: readonly IBackend[];
  readonly format: Format;
}

/** Ask; null when the person thought better of it. */
export async function askCredentials(
  options: ICredentialsOptions
): Promise<Values | null> {
  const { trans } = options.format;
  const secrets = secretsOf(options);
  if (secrets.length === 0) {
    return {};
  }
  const { button, value } = await showDialog<Values>({
    title: trans.__('Credentials for %1', options.name),
    body: new CredentialsForm(secrets, options.format),
    buttons: [
      Dialog.cancelButton(),
      Dialog.okButton({ label: trans.__('Go On') })
    ],
    focusNodeSelector: 'input'
  });
  return button.accept ? (value ?? {}) : null;
}

/** The secret options of both ends. */
function secretsOf(options: ICredentialsOptions): readonly IFormOption[] {
  const { source, destination, backends, format } = options;
  const from = optionsAt('source', backendOf(source, backends));
  const to = optionsAt('destination', backendOf(destination, backends));
  // Between two services an option says whose it is.
  const both =
    from.length > 0
      ? [...from, ...to.map(each => ofDestination(each, from, format))]
      : to;
  return both.filter(option => option.secret);
}

class CredentialsForm
  extends ReactWidget
  implements Dialog.IBodyWidget<Values>
{
  constructor(
    private _options: readonly IFormOption[],
    private _format: Format
  ) {
    super();
    this.addClass('jp-TransfersFrom');
  }

  getValue(): Values {
    return given(this._options, this._values);
  }

  protected render(): JSX.Element {
    return (
      <>
        <Fields
          options={this._options}
          values={this._values}
          format={this._format}
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

  private _values: Values = {};
}
