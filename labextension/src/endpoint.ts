/**
 * One end of a transfer that lies at a service: its address, the options that
 * its backend declares, and what the server sees there.
 */

import type { IDisposable } from '@lumino/disposable';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';
import { explain } from './errors';
import type { Format } from './format';
import type {
  IBackend,
  IBackendOption,
  IBrowse,
  IFormOption,
  OptionValue
} from './job';
import { above, asFolder, Browser, startingPlaces } from './level';
import { baseName } from './names';
import { given, labelOf } from './optionfields';
import type { IProbeResult, Options, Prober } from './prober';

export interface IEndpointOptions {
  readonly prober: Prober;
  /** Ask the server for one level of a service. */
  readonly browse: (address: string, options: Options) => Promise<IBrowse>;
  /** BCP 47 language by which names are sorted. */
  readonly locale: string;
  /** The kinds of address that the server reaches; the form goes without. */
  readonly backends: Promise<readonly IBackend[]>;
  /** An address to begin with. */
  readonly address: string;
  /** Addresses that were used before, the last one first. */
  readonly recent: readonly string[];
  /** Whether files are put there: then nothing has to be there yet. */
  readonly writes: boolean;
  /** The address to fill in where a folder is chosen; the folder's if not given. */
  readonly addressIn?: (folder: string) => string;
}

/** Failures that no other folder and no credentials mend. */
const HOPELESS: ReadonlySet<string> = new Set([
  'bad_request',
  'invalid_address',
  'unsupported_scheme',
  'address_refused',
  'disabled'
]);

export class Endpoint implements IDisposable {
  constructor(options: IEndpointOptions) {
    this.writes = options.writes;
    this._recent = options.recent;
    this._addressIn = options.addressIn ?? (folder => folder);
    this._address = options.address;
    this._prober = options.prober;
    this._prober.changed.connect(() => this._changed.emit());
    this._prober.look(this._address);
    this.browser = new Browser(
      address => options.browse(address, this.given),
      options.locale,
      () => startingPlaces(this._backends, this._recent)
    );
    this.browser.changed.connect(() => this._changed.emit());
    options.backends.then(
      backends => {
        this._backends = backends;
        this._changed.emit();
      },
      () => undefined
    );
  }

  readonly writes: boolean;

  /** What a person looks around in. */
  readonly browser: Browser;

  /** Emitted when anything about it changed. */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  get address(): string {
    return this._address;
  }

  set address(value: string) {
    this._address = value;
    this.browser.close();
    this._changed.emit();
    this._prober.look(value, this.given);
  }

  get values(): Readonly<Record<string, OptionValue>> {
    return this._values;
  }

  setOption(name: string, value: OptionValue): void {
    this._values = { ...this._values, [name]: value };
    // What is listed may be of another service than the one meant now.
    if (this.browser.level.state !== 'failed') {
      this.browser.close();
    }
    this._changed.emit();
    this._prober.look(this._address, this.given);
  }

  /** Look again, though nothing was changed here. */
  test(): void {
    this._prober.again();
  }

  get result(): IProbeResult {
    return this._prober.result;
  }

  /** The backend of the address, by its scheme; the server may know better. */
  get backend(): IBackend | undefined {
    const { result } = this;
    const name = result.state === 'found' ? result.probe.backend : null;
    return (
      this._backends.find(backend => backend.name === name) ??
      backendOf(this._address, this._backends)
    );
  }

  /** What its backend lets a person choose here. */
  get options(): readonly IBackendOption[] {
    return optionsAt(this.writes ? 'destination' : 'source', this.backend);
  }

  /** The options that were filled in. */
  get given(): Record<string, OptionValue> {
    return given(this.options, this._values);
  }

  /** Whether the service can do something; it may where nobody knows. */
  can(ability: string): boolean {
    return this.backend?.can?.includes(ability) ?? true;
  }

  /** Whether a person can look around there. */
  get canBrowse(): boolean {
    if (this._address.trim() === '') {
      return startingPlaces(this._backends, this._recent).length > 0;
    }
    return this.backend?.can?.includes('browse') ?? false;
  }

  /** Look around, beginning at the folder of the address. */
  browse(): void {
    const address = this._address.trim();
    const folder = this.isVacant || this._isOneFile ? above(address) : null;
    void this.browser.open(folder ?? asFolder(address));
  }

  /** Fill in the folder that was found by looking around. */
  useFolder(address: string): void {
    this.address = this._addressIn(address);
  }

  /** Vouch for a host whose key has this fingerprint. */
  trust(fingerprint: string): void {
    this.setOption('host_key', fingerprint);
    if (this.browser.level.state === 'failed') {
      this.browser.again();
    }
  }

  get needsCredentials(): boolean {
    const { result } = this;
    const { level } = this.browser;
    if (level.state === 'failed' && level.error.code === 'needs_credentials') {
      return true;
    }
    return result.state === 'found'
      ? result.probe.needs === 'credentials'
      : result.state === 'failed' && result.error.code === 'needs_credentials';
  }

  /** Whether a person can sign in there, and has to. */
  get wantsSignIn(): boolean {
    return (
      this.needsCredentials &&
      (this.backend?.signs_in_by?.length ?? 0) > 0 &&
      !this._address.trim().startsWith('git+ssh:')
    );
  }

  /** The person has signed in with these options; none where the server keeps them. */
  signedIn(values: Readonly<Record<string, OptionValue>>): void {
    Object.entries(values).forEach(([name, value]) =>
      this.setOption(name, value)
    );
    if (Object.keys(values).length === 0) {
      this.test();
    }
    if (this.browser.level.state === 'failed') {
      this.browser.again();
    }
  }

  /** Whether it answers, and nothing is there yet. */
  get isVacant(): boolean {
    const { result } = this;
    return (
      this.writes &&
      result.state === 'failed' &&
      result.error.code === 'remote_not_found'
    );
  }

  /** Why nothing can come of this address; '' while something can. */
  problem(format: Format): string {
    const { backend, result } = this;
    if (this.writes && backend && !this.can('send')) {
      return format.trans.__(
        'Nothing can be sent to addresses of this kind: %1',
        backend.title
      );
    }
    if (result.state !== 'failed' || result.error.retryable) {
      return '';
    }
    const stops = !this.writes || HOPELESS.has(result.error.code);
    return stops ? explain(result.error, format).what : '';
  }

  get isDisposed(): boolean {
    return this._prober.isDisposed;
  }

  dispose(): void {
    this._prober.dispose();
    this.browser.dispose();
    Signal.clearData(this);
  }

  /** Whether the address is that of a file, by its name. */
  private get _isOneFile(): boolean {
    const { result } = this;
    const address = this._address.trim();
    return (
      result.state === 'found' &&
      result.probe.files === 1 &&
      !address.endsWith('/') &&
      baseName(address) === result.probe.title
    );
  }

  private _address: string;
  private _addressIn: (folder: string) => string;
  private _backends: readonly IBackend[] = [];
  private _changed = new Signal<this, void>(this);
  private _prober: Prober;
  private _recent: readonly string[];
  private _values: Readonly<Record<string, OptionValue>> = {};
}

/** The backend of an address, by its scheme. */
export function backendOf(
  address: string,
  backends: readonly IBackend[]
): IBackend | undefined {
  const scheme = /^\s*([a-z][a-z0-9+.-]*):/i.exec(address)?.[1].toLowerCase();
  return backends.find(({ schemes }) => schemes.includes(scheme ?? ''));
}

/** The options of a backend that are of use at one end. */
export function optionsAt(
  end: 'source' | 'destination',
  backend: IBackend | undefined
): readonly IBackendOption[] {
  const other = end === 'source' ? 'destination' : 'source';
  return backend?.options.filter(({ side }) => side !== other) ?? [];
}

/** Options that any service may want, declared or not. */
const EVERYBODYS: readonly string[] = ['username', 'password', 'query'];

/**
 * An option of the destination, as a job between two services takes it: where
 * the source may have one of the same name, it has the prefix `dest_`.
 */
export function ofDestination(
  option: IBackendOption,
  ofSource: readonly IBackendOption[],
  format: Format
): IFormOption {
  const taken = [...ofSource.map(({ name }) => name), ...EVERYBODYS];
  return taken.includes(option.name)
    ? {
        ...option,
        name: `dest_${option.name}`,
        label: format.trans.__('%1 (destination)', labelOf(option, format))
      }
    : option;
}

/** The options that were filled in for both ends. */
export function givenOfBoth(
  source: Endpoint,
  destination: Endpoint,
  format: Format
): Record<string, OptionValue> {
  const result = source.given;
  for (const option of destination.options) {
    const value = destination.given[option.name];
    if (value !== undefined) {
      result[ofDestination(option, source.options, format).name] = value;
    }
  }
  return result;
}
