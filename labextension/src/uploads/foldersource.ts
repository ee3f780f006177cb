import type { IUploadSource } from './source';
import { BLOCK, headLength, writeHead } from './tarhead';

/** Folders without files as one upload: a tar of nothing but headers. */
export class FolderSource implements IUploadSource {
  /** @param paths - Folders below `destination`. */
  constructor(paths: readonly string[], destination: string) {
    // What has no time of its own is new; a whole second needs no record.
    const now = Math.floor(Date.now() / 1000) * 1000;
    const heads = paths.map(path => {
      const head = new Uint8Array(headLength(`${path}/`, now));
      writeHead(head, `${path}/`, 0, now);
      return head;
    });
    this._tar = new Blob([...heads, new Uint8Array(2 * BLOCK)]);
    this.metadata = { pack: 'tar', path: destination };
  }

  readonly metadata: Readonly<Record<string, string>>;

  /** To make folders again does no harm. */
  readonly isAtomic = true;

  readonly isPartial = false;

  get size(): number {
    return this._tar.size;
  }

  slice(start: number, end: number): Blob {
    return this._tar.slice(start, end);
  }

  async unreadable(): Promise<readonly string[]> {
    return [];
  }

  async findDelivered(): Promise<null> {
    return null;
  }

  private _tar: Blob;
}
