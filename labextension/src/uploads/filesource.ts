import { PathExt } from '@jupyterlab/coreutils';
import type { IUploadSource } from './source';
import { isReadable } from './source';
import type { ConflictPolicy } from './tokens';
import type { TusClient } from './tusclient';

/** One file as an upload of its own. */
export class FileSource implements IUploadSource {
  constructor(
    private _file: File,
    private _relativePath: string,
    private _destination: string,
    private _conflict: ConflictPolicy
  ) {}

  readonly isAtomic = true;
  readonly isPartial = false;

  get size(): number {
    return this._file.size;
  }

  get metadata(): Record<string, string> {
    return {
      filename: this._relativePath,
      path: this._destination,
      mtime: String(this._file.lastModified),
      conflict: this._conflict
    };
  }

  slice(start: number, end: number): Blob {
    return this._file.slice(start, end);
  }

  async unreadable(start: number): Promise<readonly string[]> {
    const isFine = await isReadable(this._file, start);
    return isFine ? [] : [this._relativePath];
  }

  /**
   * Sent again, the file would stand there twice, or (policy `fail`) be
   * refused because of itself.
   */
  async findDelivered(
    client: TusClient,
    signal: AbortSignal
  ): Promise<string | null> {
    if (this._conflict === 'overwrite') {
      return null;
    }
    const path = PathExt.join(this._destination, this._relativePath);
    const { size, lastModified } = this._file;
    const isThere = await client.isDelivered(path, size, lastModified, signal);
    return isThere ? path : null;
  }
}
