/**
 * Signing in, as fields: below an address in a form, and as a dialog for a
 * transfer that waits.
 */

import type { Dialog } from '@jupyterlab/apputils';
import { Notification } from '@jupyterlab/apputils';
import { ReactWidget, UseSignal } from '@jupyterlab/ui-components';
import type { Message } from '@lumino/messaging';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';
import * as React from 'react';
import { explain } from './errors';
import type { Format } from './format';
import { OWN_KEYS, showForm } from './formdialog';
import type { ILogin, OptionValue } from './job';
import { Fields, translated } from './optionfields';
import type { ISignInOptions } from './signin';
import { SignIn } from './signin';

type Values = Record<string, OptionValue>;

function SignInFields(props: { model: SignIn; format: Format }): JSX.Element {
  const { model, format } = props;
  const { trans } = format;
  const told = model.error && explain(model.error, format);
  return (
    <>
      <Fields
        options={model.fields}
        values={model.values}
        format={format}
        onChange={(name, value) => model.set(name, value)}
      />
      <label className="jp-TransfersOptions-flag">
        <input
          type="checkbox"
          checked={model.keep}
          onChange={event => (model.keep = event.target.checked)}
        />
        <span>{trans.__('Stay signed in on this server')}</span>
      </label>
      <p className="jp-TransfersFrom-hint">
        {model.keep
          ? trans.__(
              'It is kept where the official client keeps it, for everything that runs under the account of this server.'
            )
          : trans.__(
              'It stays in the memory of the server, for this transfer only.'
            )}
      </p>
      {told && (
        <p className="jp-TransfersFound-error" role="alert">
          {format.sentences(told.what, told.remedy)}
        </p>
      )}
    </>
  );
}

/** The title of what signs in to the service of `model`. */
function titleOf({ backend }: SignIn, format: Format): string {
  const name = translated(backend.title, format);
  return format.trans.__('Sign in: %1', name);
}

export interface ISignInFormProps extends ISignInOptions {
  readonly format: Format;
  /** The service takes it; what was filled in. */
  readonly onDone: (secrets: Values, login: ILogin) => void;
}

/** Below an address, where a form asks for more. */
export function SignInSection(props: ISignInFormProps): JSX.Element {
  const { format, onDone } = props;
  const model = React.useMemo(() => new SignIn(props), []);
  const submit = async () => {
    if (await model.submit()) {
      warn(model.login!, format);
      onDone(model.secrets, model.login!);
    }
  };
  return (
    <UseSignal signal={model.changed}>
      {() => (
        <fieldset
          className="jp-TransfersSignIn"
          onKeyDown={event => {
            const { tagName } = event.target as Element;
            if (event.key === 'Enter' && tagName === 'INPUT') {
              event.preventDefault();
              void submit();
            }
          }}
          {...{ [OWN_KEYS]: 'Enter' }}
        >
          <legend>{titleOf(model, format)}</legend>
          <SignInFields model={model} format={format} />
          <button
            type="button"
            className="jp-mod-styled"
            disabled={model.isBusy || !model.isComplete}
            onClick={() => void submit()}
          >
            {format.trans.__('Sign In')}
          </button>
        </fieldset>
      )}
    </UseSignal>
  );
}

/**
 * Ask a person to sign in.
 *
 * @returns What the transfer is to be told: nothing where it finds by itself what
 * was kept; null when the person thought better of it.
 */
export async function askSignIn(
  options: ISignInOptions,
  format: Format
): Promise<Values | null> {
  const form = new SignInForm(new SignIn(options), format);
  const title = titleOf(form.model, format);
  const values = await showForm(form, title, format.trans.__('Sign In'));
  if (values !== null) {
    warn(form.model.login!, format);
  }
  return values;
}

class SignInForm extends ReactWidget implements Dialog.IBodyWidget<Values> {
  constructor(
    readonly model: SignIn,
    private _format: Format
  ) {
    super();
    this.addClass('jp-TransfersFrom');
    model.changed.connect(this.update, this);
  }

  dispose(): void {
    if (!this.isDisposed) {
      Signal.clearData(this);
    }
    super.dispose();
  }

  get changed(): ISignal<unknown, void> {
    return this._drawn;
  }

  getValue(): Values {
    return toTell(this.model.secrets, this.model.login);
  }

  submit(): Promise<boolean> {
    return this.model.submit();
  }

  protected onUpdateRequest(msg: Message): void {
    super.onUpdateRequest(msg);
    void this.renderPromise?.then(() => this._drawn.emit());
  }

  protected render(): JSX.Element {
    return <SignInFields model={this.model} format={this._format} />;
  }

  private _drawn = new Signal<this, void>(this);
}

/** What a transfer is to be told: what was kept it finds by itself. */
export function toTell(secrets: Values, login: ILogin | null): Values {
  return login?.used ? {} : secrets;
}

function warn({ used }: ILogin, { trans }: Format): void {
  if (used === false) {
    Notification.warning(
      trans.__(
        'It is kept, but a variable of the server’s environment comes before it.'
      )
    );
  }
}
