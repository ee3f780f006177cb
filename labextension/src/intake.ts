/**
 * From chosen or dropped files to an upload: ask about taken names, then hand
 * them to the uploader. The one way in, for the panel, the commands and the
 * file browser.
 */

import type { Contents } from '@jupyterlab/services';
import type { ConflictDefault } from './conflict';
import { askConflict, findTaken } from './conflict';
import { makeFolders, takeDrop } from './drop';
import type { Format } from './format';
import type { Uploader } from './uploads';
import { itemsOf } from './uploads';
import type {
  ConflictPolicy,
  IUploadBatch,
  IUploadItem,
  IUploadOptions
} from './uploads/tokens';

export class Intake {
  constructor(options: Intake.IOptions) {
    this._options = options;
  }

  /**
   * Upload what was dropped on `folder`, with its empty folders.
   *
   * Call it while the event is handled: the browser empties `data` afterwards.
   *
   * @returns null when there are no files or the person thought better of it.
   */
  async drop(data: DataTransfer, folder: string): Promise<IUploadBatch | null> {
    const { contents, format } = this._options;
    const { items, emptyFolders } = await takeDrop(data, format);
    const conflict = await this._policy(items, folder);
    if (conflict === null) {
      return null;
    }
    // Before the files: both at once would race for the same parents.
    await makeFolders(emptyFolders, folder, contents, format);
    return this._upload(items, folder, conflict);
  }

  /**
   * Upload `items` into a folder of this server, given with or without its drive.
   *
   * @returns null when there was nothing to do or the person thought better of it.
   */
  async upload(
    items: readonly IUploadItem[],
    folder: string,
    onFile?: IUploadOptions['onFile']
  ): Promise<IUploadBatch | null> {
    const conflict = await this._policy(items, folder);
    return conflict && this._upload(items, folder, conflict, onFile);
  }

  /** What to do where names are taken: asked at most once for all items. */
  private async _policy(
    items: readonly IUploadItem[],
    folder: string
  ): Promise<ConflictPolicy | null> {
    const { contents, conflict, format } = this._options;
    const settled = conflict();
    if (settled !== 'ask') {
      return settled;
    }
    const destination = contents.localPath(folder);
    const taken = await findTaken(items, destination, contents);
    // A name that is taken while we look gets a new one beside it.
    return taken.length
      ? await askConflict(taken, destination, format)
      : 'rename';
  }

  private _upload(
    items: readonly IUploadItem[],
    folder: string,
    conflict: ConflictPolicy,
    onFile?: IUploadOptions['onFile']
  ): IUploadBatch | null {
    const { contents, uploader } = this._options;
    const destination = contents.localPath(folder);
    return items.length > 0
      ? uploader.upload([...items], { destination, conflict, onFile })
      : null;
  }

  private _options: Intake.IOptions;
}

export namespace Intake {
  export interface IOptions {
    readonly uploader: Pick<Uploader, 'upload'>;
    readonly contents: Pick<Contents.IManager, 'get' | 'localPath' | 'save'>;
    readonly conflict: () => ConflictDefault;
    readonly format: Format;
  }
}

/** Let the person choose files, or one folder with all that is in it. */
export function chooseFiles(folder: boolean): Promise<IUploadItem[]> {
  const input = document.createElement('input');
  input.type = 'file';
  input.multiple = !folder;
  input.webkitdirectory = folder;
  // Safari and Firefox need it in the document to open it.
  input.hidden = true;
  document.body.appendChild(input);
  return new Promise<IUploadItem[]>(resolve => {
    input.addEventListener('change', () => resolve(itemsOf(input.files ?? [])));
    input.addEventListener('cancel', () => resolve([]));
    input.click();
  }).finally(() => input.remove());
}
