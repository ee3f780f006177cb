import { PathExt } from '@jupyterlab/coreutils';
import type { SettledFate } from './dispatcher';
import type { Tally } from './tally';
import type { ITransferErrorData, IUploadItem, IUploadOptions } from './tokens';

/** Takes down what became of each file of a batch, and tells whoever asked. */
export class Settlement {
  constructor(
    private _items: readonly IUploadItem[],
    private _tally: Tally,
    private _options: IUploadOptions
  ) {}

  settle(fate: SettledFate): void {
    const { index } = fate;
    switch (fate.kind) {
      case 'done':
        this._tally.arrived(index, fate.path);
        if (fate.path !== this._wanted(index)) {
          this._tally.renamed.push(fate.path);
        }
        this._tell(index, fate.path, null);
        break;
      case 'skipped':
        this._tally.skipped(index);
        this._tell(index, null, null);
        break;
      case 'failed':
        this._tally.fail(index, fate.error);
        this._tell(index, null, fate.error);
    }
  }

  /** A folder without files is there, or could not be made. */
  settleFolder(path: string, error: ITransferErrorData | null): void {
    const { destination, onFolderFailed } = this._options;
    if (error !== null) {
      queueMicrotask(() => onFolderFailed?.(path, error));
    } else if (this._items.length === 0) {
      // Nothing else arrives that the row could lead to.
      this._tally.results.push(PathExt.join(destination, path));
    }
  }

  /** The path that a file would have if its name were free. */
  private _wanted(index: number): string {
    const { destination } = this._options;
    const folder = destination.replace(/^\/+|\/+$/g, '');
    // The server composes letters and accents, as most systems do.
    const name = this._items[index].relativePath.normalize('NFC');
    return folder ? `${folder}/${name}` : name;
  }

  private _tell(
    index: number,
    path: string | null,
    error: ITransferErrorData | null
  ): void {
    const { onFile } = this._options;
    if (onFile) {
      // Apart from our own course: a listener that throws must not stop it.
      queueMicrotask(() => onFile(this._items[index], path, error));
    }
  }
}
