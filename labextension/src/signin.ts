/**
 * Signing in to a service: the secret is typed once, and the service is asked
 * whether it takes it before anything is done with it.
 */

import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';
import type { TransferApi } from './api';
import { TransferError } from './api';
import type {
  IBackend,
  IBackendOption,
  ILogin,
  ISignIn,
  OptionValue
} from './job';
import { given } from './optionfields';
import type { ITransferErrorData } from './uploads/tokens';

export interface ISignInOptions {
  readonly api: Pick<TransferApi, 'login'>;
  readonly address: string;
  readonly backend: IBackend;
  /** What else is said of the service, such as its `endpoint`. */
  readonly given: Readonly<Record<string, OptionValue>>;
}

export class SignIn {
  constructor(private _options: ISignInOptions) {}

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  get backend(): IBackend {
    return this._options.backend;
  }

  /** What a person fills in. */
  get fields(): readonly IBackendOption[] {
    const { options, signs_in_by = [] } = this.backend;
    return options.filter(({ name }) => signs_in_by.includes(name));
  }

  get values(): Readonly<Record<string, OptionValue>> {
    return this._values;
  }

  set(name: string, value: OptionValue): void {
    this._values = { ...this._values, [name]: value };
    this._error = null;
    this._changed.emit();
  }

  /** Whether it is kept for the account of the server. */
  get keep(): boolean {
    return this._keep;
  }

  set keep(value: boolean) {
    this._keep = value;
    this._changed.emit();
  }

  get isBusy(): boolean {
    return this._isBusy;
  }

  /** Why it was not taken. */
  get error(): TransferError | null {
    return this._error;
  }

  /** Whom the service takes the person for; null until it does. */
  get login(): ILogin | null {
    return this._login;
  }

  /** What was filled in. */
  get secrets(): Record<string, OptionValue> {
    return given(this.fields, this._values);
  }

  /** Whether there is enough to ask the service. */
  get isComplete(): boolean {
    return this.fields.some(({ name, secret }) => secret && this.secrets[name]);
  }

  /** Ask the service, and whether it takes it. */
  async submit(): Promise<boolean> {
    if (this._isBusy || !this.isComplete) {
      return false;
    }
    const { api, address, given: more } = this._options;
    this._isBusy = true;
    this._error = null;
    this._changed.emit();
    try {
      this._login = await api.login({
        url: address,
        options: { ...more, ...this.secrets },
        keep: this._keep
      });
    } catch (reason) {
      this._error = TransferError.from(reason);
    }
    this._isBusy = false;
    this._changed.emit();
    return this._error === null;
  }

  private _changed = new Signal<this, void>(this);
  private _error: TransferError | null = null;
  private _isBusy = false;
  private _keep = false;
  private _login: ILogin | null = null;
  private _values: Readonly<Record<string, OptionValue>> = {};
}

/** Where a person can sign in for a transfer that waits; null if nowhere. */
export function signInFor(error: ITransferErrorData | null): ISignIn | null {
  const found = error?.detail?.['sign_in'] as Partial<ISignIn> | undefined;
  return error?.code === 'needs_credentials' && found?.address
    ? (found as ISignIn)
    : null;
}
