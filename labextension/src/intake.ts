/**
 * From chosen or dropped files to an upload: ask about taken names, then hand
 * them to the uploader. The one way in, for the panel, the commands and the
 * file browser.
 */

import { Notification } from '@jupyterlab/apputils';
import type { Contents } from '@jupyterlab/services';
import type { ConflictDefault } from './conflict';
import { askConflict, findSame, findTaken } from './conflict';
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

/** What is sent, and how. */
interface IPlan {
  readonly items: readonly IUploadItem[];
  /** Files that are there already, the same. */
  readonly same: ReadonlySet<IUploadItem>;
  readonly conflict: ConflictPolicy;
}

const NONE: ReadonlySet<IUploadItem> = new Set();

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
    const plan = await this._plan(items, folder);
    if (plan === null) {
      return null;
    }
    // Before the files: both at once would race for the same parents.
    await makeFolders(emptyFolders, folder, contents, format);
    return this._upload(plan, folder);
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
    const plan = await this._plan(items, folder);
    plan?.same.forEach(item => onFile?.(item, null, null));
    return plan && this._upload(plan, folder, onFile);
  }

  /** What to do where names are taken: asked at most once for all items. */
  private async _plan(
    items: readonly IUploadItem[],
    folder: string
  ): Promise<IPlan | null> {
    const { contents, conflict, format } = this._options;
    const settled = conflict();
    if (settled !== 'ask') {
      return { items, same: NONE, conflict: settled };
    }
    const destination = contents.localPath(folder);
    const taken = await findTaken(items, destination, contents);
    if (taken.length === 0) {
      // A name that is taken while we look gets a new one beside it.
      return { items, same: NONE, conflict: 'rename' };
    }
    const choice = await askConflict(taken, destination, format);
    if (choice !== 'different') {
      return choice && { items, same: NONE, conflict: choice };
    }
    const same = await findSame(taken);
    if (same.size > 0) {
      tellSame(same.size, format);
    }
    const others = items.filter(item => !same.has(item));
    return { items: others, same, conflict: 'overwrite' };
  }

  private _upload(
    { items, conflict }: IPlan,
    folder: string,
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

function tellSame(count: number, format: Format): void {
  Notification.info(
    format.trans._n(
      'One file was left out, because the same one is there.',
      '%1 files were left out, because the same ones are there.',
      count
    )
  );
}
