/**
 * Looking around in a service, one level at a time: what lies at an address, and
 * which address is above it.
 */

import type { IDisposable } from '@lumino/disposable';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';
import { TransferError } from './api';
import type { IBackend, IBrowse, IBrowseEntry } from './job';

/** Services whose addresses are plain text, and that list what `scheme://` holds. */
const LISTS_ALL: ReadonlySet<string> = new Set(['s3', 'rclone']);

export type ILevel =
  | { readonly state: 'closed' }
  | {
      readonly state: 'looking';
      readonly address: string;
    }
  | {
      readonly state: 'listed';
      readonly address: string;
      /** Folders first. */
      readonly entries: readonly IBrowseEntry[];
      /** Whether these are all. */
      readonly complete: boolean;
      /** The place of the folder that was left by going up, else 0. */
      readonly current: number;
    }
  | {
      readonly state: 'failed';
      readonly address: string;
      readonly error: TransferError;
    };

export class Browser implements IDisposable {
  /**
   * @param browse - Ask the server for the level at an address.
   * @param locale - BCP 47 language by which names are sorted.
   * @param start - Where one can begin: what lies at the empty address.
   */
  constructor(
    private _browse: (address: string) => Promise<IBrowse>,
    locale: string,
    private _start: () => readonly IBrowseEntry[] = () => []
  ) {
    this._order = new Intl.Collator(locale, { numeric: true });
  }

  /** Emitted when `level` changed. */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  get level(): ILevel {
    return this._level;
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  dispose(): void {
    this._isDisposed = true;
    Signal.clearData(this);
  }

  /** Show what lies at `address`. An answer to an earlier question is dropped. */
  async open(address: string): Promise<void> {
    const { level } = this;
    const left = level.state === 'closed' ? '' : level.address;
    if (address === '') {
      this._showStart();
      return;
    }
    this._set({ state: 'looking', address });
    const question = this._level;
    let answer: ILevel;
    try {
      const { entries, complete } = await this._browse(address);
      const own = entries.map(entry => ({
        ...entry,
        address: withUserinfo(entry.address, address)
      }));
      const sorted = own.sort((one, other) => this._compare(one, other));
      const current = sorted.findIndex(entry => entry.address === left);
      answer = {
        state: 'listed',
        address,
        entries: sorted,
        complete,
        current: Math.max(0, current)
      };
    } catch (reason) {
      answer = { state: 'failed', address, error: TransferError.from(reason) };
    }
    if (question === this._level && !this._isDisposed) {
      this._set(answer);
    }
  }

  /** Ask once more for the level that is shown. */
  again(): void {
    if (this._level.state !== 'closed') {
      void this.open(this._level.address);
    }
  }

  up(): void {
    const parent = this.parent;
    if (parent !== null) {
      void this.open(parent);
    }
  }

  /** The address above the one that is shown; null if there is none. */
  get parent(): string | null {
    const { level } = this;
    if (level.state === 'closed' || level.address === '') {
      return null;
    }
    return above(level.address) ?? (this._began ? '' : null);
  }

  close(): void {
    this._began = false;
    if (this._level.state !== 'closed') {
      this._set({ state: 'closed' });
    }
  }

  private _showStart(): void {
    this._began = true;
    const entries = this._start();
    this._set({
      ...{ state: 'listed', address: '', entries, complete: true, current: 0 }
    });
  }

  private _compare(one: IBrowseEntry, other: IBrowseEntry): number {
    return (
      Number(other.folder) - Number(one.folder) ||
      this._order.compare(one.path, other.path)
    );
  }

  private _set(level: ILevel): void {
    this._level = level;
    this._changed.emit();
  }

  /** Whether it was begun at the empty address. */
  private _began = false;
  private _changed = new Signal<this, void>(this);
  private _isDisposed = false;
  private _level: ILevel = { state: 'closed' };
  private _order: Intl.Collator;
}

interface IParts {
  readonly scheme: string;
  /** Scheme and host, bucket or remote. */
  readonly root: string;
  /** What follows the slash after it. */
  readonly path: string;
}

function partsOf(address: string): IParts | null {
  const match = /^([a-z][a-z0-9+.-]*):\/\/([^/]*)\/?(.*)$/is.exec(address);
  if (!match) {
    return null;
  }
  const scheme = match[1].toLowerCase();
  const plain = LISTS_ALL.has(scheme);
  const path = plain ? match[3] : match[3].replace(/[?#].*$/s, '');
  return { scheme, root: `${match[1]}://${match[2]}`, path };
}

/** The address of the folder above `address`, as it ends in `/`; null at the top. */
export function above(address: string): string | null {
  const parts = partsOf(address);
  if (!parts) {
    return null;
  }
  const { scheme, root, path } = parts;
  if (path) {
    // A key of S3 may have empty segments: only one slash belongs to the last.
    const inner = path.replace(/\/$/, '');
    return `${root}/${inner.slice(0, inner.lastIndexOf('/') + 1)}`;
  }
  const top = `${scheme}://`;
  return LISTS_ALL.has(scheme) && root.toLowerCase() !== top ? top : null;
}

/** Whether `address` names a host, a bucket or a remote, so that files can lie there. */
export function isPlace(address: string): boolean {
  const parts = partsOf(address);
  return parts !== null && !parts.root.endsWith('://');
}

/**
 * Where one can begin without an address: services that list all they have, and
 * the hosts, buckets and remotes of addresses that were used before.
 */
export function startingPlaces(
  backends: readonly IBackend[],
  recent: readonly string[]
): readonly IBrowseEntry[] {
  const able = backends.filter(({ can }) => can?.includes('browse'));
  const known = new Set(able.flatMap(({ schemes }) => schemes));
  const entry = (path: string, address: string): IBrowseEntry => ({
    ...{ path, address, folder: true, size: null, mtime_ns: null }
  });
  const services = able.flatMap(({ title, schemes }) =>
    schemes
      .filter(scheme => LISTS_ALL.has(scheme))
      .map(scheme => entry(title, `${scheme}://`))
  );
  const roots = recent
    .map(partsOf)
    .filter(parts => parts !== null && known.has(parts.scheme))
    .map(parts => `${parts!.root}/`)
    .filter(isPlace);
  return [
    ...services,
    ...[...new Set(roots)].map(address => entry(address, address))
  ];
}

/** `address` as that of a folder. */
export function asFolder(address: string): string {
  const parts = partsOf(address.replace(/^([a-z][a-z0-9+.-]*):\/*$/i, '$1://'));
  if (!parts) {
    return address;
  }
  const { root, path } = parts;
  const hasQuery = !LISTS_ALL.has(parts.scheme) && /[?#]/.test(address);
  if (hasQuery) {
    return address;
  }
  return root.endsWith('://')
    ? root
    : `${root}/${path}${path && !path.endsWith('/') ? '/' : ''}`;
}

/** `address` with the user name and password of `typed`, if it is of the same host. */
function withUserinfo(address: string, typed: string): string {
  const match = /^([a-z][a-z0-9+.-]*:\/\/)([^/?#]*@)([^/?#]*)/i.exec(typed);
  if (!match) {
    return address;
  }
  const [, scheme, userinfo, host] = match;
  const bare = `${scheme}${host}/`;
  return address.toLowerCase().startsWith(bare.toLowerCase())
    ? scheme + userinfo + address.slice(scheme.length)
    : address;
}
