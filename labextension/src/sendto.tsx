/**
 * The dialog "Send to…": files and folders of the server to any address.
 */

import * as React from 'react';
import { COMMIT_OPTIONS, CommitChoice } from './commit';
import { CommitFields } from './commitfields';
import type { Endpoint } from './endpoint';
import { showForm } from './formdialog';
import type { IJobRequest } from './job';
import { baseName, folderOf } from './names';
import type { IFormOptions } from './transferform';
import { TransferForm } from './transferform';

/** A file or a folder of the server. */
export interface ISendItem {
  /** Below the server's root. */
  readonly path: string;
  readonly isFolder: boolean;
}

export interface ISendOptions extends IFormOptions {
  readonly items: readonly ISendItem[];
  /** The folder to begin with: where the last one was sent; '' if there is none. */
  readonly folder: string;
}

/**
 * Ask where to send `items` and start a job for each.
 *
 * @returns What was started; null when the person thought better of it.
 */
export async function askDestination(
  options: ISendOptions
): Promise<readonly IJobRequest[] | null> {
  const { trans } = options.format;
  return showForm(
    new SendForm(options),
    trans.__('Send to an address'),
    trans.__('Start')
  );
}

class SendForm extends TransferForm {
  constructor(options: ISendOptions) {
    super(options);
    this._items = options.items;
    this._destination = this.endpoint(suggestion(options), true, folder =>
      this.synchronises ? folder : placeOf(options.items, folder)
    );
    void this._lookAtClone();
  }

  protected get target(): Endpoint {
    return this._destination;
  }

  protected get mayBeMany(): boolean {
    return this._items.length === 1 && this._items[0].isFolder;
  }

  protected get namesMayBeTaken(): boolean {
    return !this._pushes;
  }

  protected get ownOptions() {
    return this._pushes ? (this._commit?.given ?? {}) : {};
  }

  protected services(): readonly Endpoint[] {
    return [this._destination];
  }

  protected ends() {
    const address = this._destination.address.trim();
    return this._items.map(item => ({
      source: item.path,
      destination:
        this._items.length > 1 ? placeAmongMany(item, address) : address,
      kind: 'send' as const
    }));
  }

  protected renderEnds(): JSX.Element {
    const { format } = this.options;
    const { trans } = format;
    const [first, ...others] = this._items;
    return (
      <>
        <div className="jp-TransfersFrom-items">
          <span>{trans.__('What to send')}</span>
          <strong title={this._items.map(({ path }) => path).join('\n')}>
            {others.length === 0
              ? first.path + (first.isFolder ? '/' : '')
              : trans.__(
                  '%1 and %2 more',
                  baseName(first.path),
                  format.count(others.length)
                )}
          </strong>
        </div>
        {this.renderEndpoint(
          this._destination,
          this._items.length > 1
            ? trans.__('Send into this folder')
            : trans.__('Address'),
          this._commit ? COMMIT_OPTIONS : undefined
        )}
        {this._pushes && this._commit && (
          <CommitFields
            choice={this._commit}
            format={format}
            onChange={() => this.update()}
          />
        )}
      </>
    );
  }

  /** Whether the address is a repository's. */
  private get _pushes(): boolean {
    return this._destination.backend?.name === 'git';
  }

  /** See whether the only item is a clone; then it probably goes where it came from. */
  private async _lookAtClone(): Promise<void> {
    if (!this.mayBeMany) {
      return;
    }
    const { address } = this._destination;
    try {
      const clone = await this.options.api.clone(this._items[0].path);
      this._commit = new CommitChoice(clone);
    } catch {
      // It is none, or one that git must not be let loose on: the job says why.
      return;
    }
    const [remote] = this._commit.clone.remotes;
    if (remote && !this.isDisposed && this._destination.address === address) {
      this._destination.address = remote.address;
    }
    this.update();
  }

  private _commit: CommitChoice | null = null;
  private _destination: Endpoint;
  private _items: readonly ISendItem[];
}

/** Where one of several goes below the address of a folder. */
function placeAmongMany(item: ISendItem, address: string): string {
  const folder = address.replace(/\/*$/, '/');
  // A folder's files go right into its destination, a file goes into a folder.
  return item.isFolder ? below(folder, item) : folder;
}

function suggestion({ items, folder }: ISendOptions): string {
  return folder === '' ? '' : placeOf(items, folder);
}

/** `folder`, or in it a folder for what the only folder of `items` holds. */
function placeOf(items: readonly ISendItem[], folder: string): string {
  const [only, ...others] = items;
  const isThat = !isRoot(folder) && baseName(folder) === baseName(only.path);
  return others.length === 0 && only.isFolder && !isThat
    ? below(folder, only)
    : folder;
}

function below(folder: string, { path }: ISendItem): string {
  const name = baseName(path);
  // Keys of S3 are written as they are.
  const plain = /^s3:/i.test(folder);
  return `${folder}${plain ? name : encodeURIComponent(name)}/`;
}

/**
 * The folder into which the file or folder `source` was sent.
 *
 * @returns An address that ends in `/`; '' where only that source can go.
 */
export function folderOfSend(source: string, destination: string): string {
  if (/^git\+/i.test(destination)) {
    return '';
  }
  const plain = destination.replace(/\/+$/, '');
  const named = baseName(plain) === baseName(source);
  const isFolder = destination.endsWith('/') && !named;
  return isFolder || isRoot(plain) ? `${plain}/` : `${folderOf(plain)}/`;
}

/** Whether `address` names a host or a bucket, and nothing in it. */
function isRoot(address: string): boolean {
  return /^[^:]*:\/\/[^/]*\/*$/.test(address);
}
