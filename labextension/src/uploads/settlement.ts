import type { Fate } from './parcel';
import type { Tally } from './tally';
import type { ITransferErrorData, IUploadItem, IUploadOptions } from './tokens';

/** Takes down what became of each file of a batch, and tells whoever asked. */
export class Settlement {
  constructor(
    private _items: readonly IUploadItem[],
    private _tally: Tally,
    private _onFile: IUploadOptions['onFile']
  ) {}

  settle(fate: Exclude<Fate, { kind: 'again' }>): void {
    const { index } = fate;
    switch (fate.kind) {
      case 'done':
        this._tally.arrived(index, fate.path);
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

  private _tell(
    index: number,
    path: string | null,
    error: ITransferErrorData | null
  ): void {
    const onFile = this._onFile;
    if (onFile) {
      // Apart from our own course: a listener that throws must not stop it.
      queueMicrotask(() => onFile(this._items[index], path, error));
    }
  }
}
