/**
 * From chosen or dropped files to an upload: ask about taken names, then hand
 * them to the uploader. The one way in, for the panel, the commands and the
 * file browser.
 */

import type { Contents } from '@jupyterlab/services';
import type { ConflictDefault } from './conflict';
import { folderWarning, takeDrop } from './drop';
import type { Format } from './format';
import type { IPlan } from './plan';
import { Planner } from './plan';
import type { IRoom } from './room';
import type { DigestOf } from './same';
import type { Uploader } from './uploads';
import { itemsOf } from './uploads';
import type {
  ILeftover,
  IUploadBatch,
  IUploadItem,
  IUploadOptions
} from './uploads/tokens';

export class Intake {
  constructor(options: Intake.IOptions) {
    this._options = options;
    const leftovers = () => options.uploader.leftovers;
    const giveBack = (id: string) => options.uploader.giveBack(id);
    const { digest } = options.uploader;
    this._planner = new Planner({ ...options, leftovers, giveBack, digest });
  }

  /**
   * Upload what was dropped on `folder`, with its empty folders.
   *
   * Call it while the event is handled: the browser empties `data` afterwards.
   *
   * @returns null when there is nothing in it or the person thought better of it.
   * @throws Refusal when the server has no room for them.
   */
  async drop(data: DataTransfer, folder: string): Promise<IUploadBatch | null> {
    const { format, uploader } = this._options;
    const { items, emptyFolders, roots } = await takeDrop(
      data,
      uploader.openFiles,
      format
    );
    const plan = await this._plan(items, folder);
    const onFolderFailed = folderWarning(format);
    const options = { emptyFolders, onFolderFailed, ...(roots && { roots }) };
    return plan && this._upload(plan, folder, options);
  }

  /**
   * Go on with what an earlier page left. The browser or we ask the person for
   * the files, so call it when they clicked.
   *
   * @returns null when all is there already, it goes on already, or the person
   *   thought better of it.
   * @throws UploadError `source_changed`, if its files are not all there any more.
   * @throws Refusal when the server has no room for them.
   */
  async goOn(leftover: ILeftover): Promise<IUploadBatch | null> {
    const { id, folder } = leftover;
    if (this._resumed.has(id)) {
      return null;
    }
    this._resumed.add(id);
    try {
      return await (folder
        ? this._goOnFolder(leftover)
        : this._goOnFile(leftover));
    } finally {
      this._resumed.delete(id);
    }
  }

  /**
   * Upload `items` into a folder of this server, given with or without its drive.
   *
   * @returns null when there was nothing to do or the person thought better of it.
   * @throws Refusal when the server has no room for them.
   */
  async upload(
    items: readonly IUploadItem[],
    folder: string,
    onFile?: IUploadOptions['onFile']
  ): Promise<IUploadBatch | null> {
    const plan = await this._plan(items, folder);
    plan?.left.forEach(item => onFile?.(item, null, null));
    return plan && this._upload(plan, folder, { onFile });
  }

  private async _goOnFolder({
    id,
    canReopen,
    destination
  }: ILeftover): Promise<IUploadBatch | null> {
    const { items, roots } = canReopen
      ? await this._options.uploader.reopen(id)
      : { items: await chooseFiles(true), roots: null };
    const plan = await this._planner.plan(items, destination);
    return plan && this._upload(plan, destination, { roots });
  }

  private async _goOnFile({
    id,
    canReopen,
    destination,
    conflict
  }: ILeftover): Promise<IUploadBatch | null> {
    const [chosen] = canReopen ? [] : await chooseFiles(false);
    if (!canReopen && !chosen) {
      return null;
    }
    const { uploader } = this._options;
    const { items } = await uploader.reopen(id, await chosen?.open());
    // What is to happen where its name is taken was settled when it began.
    const plan = await this._planner.fit(items, destination, conflict);
    return plan && this._upload(plan, destination, { goesOn: id });
  }

  private _plan(
    items: readonly IUploadItem[],
    folder: string
  ): Promise<IPlan | null> {
    const destination = this._options.contents.localPath(folder);
    return this._planner.plan(items, destination);
  }

  private _upload(
    { items, conflict, resumes }: IPlan,
    folder: string,
    options: Partial<IUploadOptions>
  ): IUploadBatch | null {
    const { contents, uploader } = this._options;
    const destination = contents.localPath(folder);
    const count = items.length + (options.emptyFolders?.length ?? 0);
    if (resumes && items.length === 0) {
      // All of it had arrived.
      void uploader.discard(resumes.id);
    }
    const place = { destination, conflict };
    const goesOn = resumes && { goesOn: resumes.id };
    return count > 0
      ? uploader.upload([...items], { ...options, ...place, ...goesOn })
      : null;
  }

  private _options: Intake.IOptions;
  private _planner: Planner;
  /** Leftovers that are being gone on with. */
  private _resumed = new Set<string>();
}

export namespace Intake {
  export interface IOptions {
    readonly uploader: Pick<
      Uploader,
      | 'digest'
      | 'discard'
      | 'giveBack'
      | 'leftovers'
      | 'openFiles'
      | 'reopen'
      | 'upload'
    >;
    readonly contents: Pick<Contents.IManager, 'get' | 'localPath'>;
    readonly conflict: () => ConflictDefault;
    /** What tells files of the server apart from others of the same size. */
    readonly digestOf: DigestOf;
    /** What a folder of the server takes. */
    readonly room: (folder: string) => Promise<IRoom>;
    readonly format: Format;
  }
}

/**
 * Let the person choose files, or one folder with all that is in it.
 *
 * @param accept - The only file name extensions: one file, such as `.yaml,.yml`.
 */
export function chooseFiles(
  folder: boolean,
  accept = ''
): Promise<IUploadItem[]> {
  const input = document.createElement('input');
  input.type = 'file';
  input.multiple = !folder && !accept;
  input.accept = accept;
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
