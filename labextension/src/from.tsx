/**
 * The dialog "From…": any address, what stands there, and where to put it: on
 * this server, or at another service.
 */

import * as React from 'react';
import type { Endpoint } from './endpoint';
import { showForm } from './formdialog';
import type { IJobRequest } from './job';
import { Select } from './select';
import { TextInput } from './textinput';
import type { IFormOptions } from './transferform';
import { TransferForm } from './transferform';

export interface IFromOptions extends IFormOptions {
  /** An address to begin with. */
  readonly address: string;
  /** The folder below the server's root to begin with. */
  readonly folder: string;
}

/**
 * Ask for an address and start the job.
 *
 * @returns What was started; null when the person thought better of it.
 */
export async function askAddress(
  options: IFromOptions
): Promise<readonly IJobRequest[] | null> {
  const { trans } = options.format;
  return showForm(
    new FromForm(options),
    trans.__('Transfer from an address'),
    trans.__('Start')
  );
}

class FromForm extends TransferForm {
  constructor(options: IFromOptions) {
    super(options);
    this._folder = options.folder;
    this._source = this.endpoint(options.address, false);
  }

  protected get target(): Endpoint | null {
    return this._service;
  }

  protected get mayBeMany(): boolean {
    // Also while nobody knows yet: a choice must not be lost meanwhile.
    return !this._isOneFile;
  }

  protected services(): readonly Endpoint[] {
    return this._service ? [this._source, this._service] : [this._source];
  }

  protected ends() {
    const source = this._source.address.trim();
    if (this._service) {
      const destination = this._service.address.trim();
      return [{ source, destination, kind: 'copy' as const }];
    }
    if (this._isCached) {
      return [{ source, destination: '', kind: 'fetch' as const }];
    }
    const folder = this._folder.trim().replace(/^\/+|\/+$/g, '');
    const destination = (folder ? `${folder}/` : '') + this._fileName();
    return [{ source, destination, kind: 'fetch' as const }];
  }

  protected renderEnds(): JSX.Element {
    const { trans } = this.options.format;
    return (
      <>
        {this.renderEndpoint(this._source, trans.__('Address'))}
        <label>
          <span>{trans.__('Where to')}</span>
          <Select
            value={this._service ? 'service' : 'server'}
            choices={[
              { value: 'server', label: trans.__('A folder of this server') },
              { value: 'service', label: trans.__('Another service') }
            ]}
            onChange={value => this._turnTo(value === 'service')}
          />
        </label>
        {this._service ? (
          this.renderEndpoint(this._service, trans.__('Destination address'))
        ) : this._isCached ? (
          <p>
            {trans.__(
              'The files go into the cache of the official client, to no folder.'
            )}
          </p>
        ) : (
          <label>
            <span>{trans.__('Save in folder')}</span>
            <TextInput
              value={this._folder}
              placeholder="/"
              onChange={folder => {
                this._folder = folder;
                this.update();
              }}
            />
          </label>
        )}
      </>
    );
  }

  private _turnTo(service: boolean): void {
    if (service) {
      this._other ??= this.endpoint('', true);
    }
    this._service = service ? this._other : null;
    this.update();
  }

  /** Whether the files go where the clients of the service look for them. */
  private get _isCached(): boolean {
    return this._source.given.target === 'cache';
  }

  private get _isOneFile(): boolean {
    const { result } = this._source;
    return result.state === 'found' && result.probe.files === 1;
  }

  /**
   * The name that the server found for a single file or a repository; it knows
   * more than the address.
   */
  private _fileName(): string {
    const { result } = this._source;
    return result.state === 'found' &&
      (this._isOneFile || result.probe.backend === 'git') &&
      !result.probe.title.includes('/')
      ? result.probe.title
      : '';
  }

  private _folder: string;
  private _other: Endpoint | null = null;
  private _service: Endpoint | null = null;
  private _source: Endpoint;
}
