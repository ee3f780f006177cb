/**
 * From chosen or dropped files to an upload: ask about taken names, then hand
 * them to the uploader.
 */

import type { Contents } from '@jupyterlab/services';
import type { ConflictDefault } from './conflict';
import { askConflict, findTaken } from './conflict';
import type { Format } from './format';
import type { Uploader } from './uploads';
import { itemsOf } from './uploads';
import type {
  ConflictPolicy,
  IUploadBatch,
  IUploadItem
} from './uploads/tokens';

export class Intake {
  constructor(options: Intake.IOptions) {
    this._options = options;
  }

  /**
   * Upload `items` into a folder below the server's root.
   *
   * @returns null when there was nothing to do or the person thought better of it.
   */
  async upload(
    items: readonly IUploadItem[],
    destination: string
  ): Promise<IUploadBatch | null> {
    if (!items.length) {
      return null;
    }
    const conflict = await this.policy(items, destination);
    return conflict === null
      ? null
      : this._options.uploader.upload([...items], { destination, conflict });
  }

  /** What to do where names are taken: asked at most once for all items. */
  async policy(
    items: readonly IUploadItem[],
    destination: string
  ): Promise<ConflictPolicy | null> {
    const { contents, conflict, format } = this._options;
    const settled = conflict();
    if (settled !== 'ask') {
      return settled;
    }
    const taken = await findTaken(items, destination, contents);
    // A name that is taken while we look gets a new one beside it.
    return taken.length
      ? await askConflict(taken, destination, format)
      : 'rename';
  }

  private _options: Intake.IOptions;
}

export namespace Intake {
  export interface IOptions {
    readonly uploader: Pick<Uploader, 'upload'>;
    readonly contents: Pick<Contents.IManager, 'get'>;
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
