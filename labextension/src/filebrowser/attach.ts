import { Notification } from '@jupyterlab/apputils';
import type { FileBrowser } from '@jupyterlab/filebrowser';
import type { Contents } from '@jupyterlab/services';
import type { ITranslator } from '@jupyterlab/translation';
import { nullTranslator } from '@jupyterlab/translation';
import { PathExt } from '@jupyterlab/coreutils';
import type { IDisposable } from '@lumino/disposable';
import { DisposableSet } from '@lumino/disposable';
import type {
  ConflictPolicy,
  IUploadBatch,
  IUploadItem,
  IUploadOptions,
  Uploader
} from '../uploads';
import { readDrop } from './dropitems';
import { DropTarget } from './droptarget';
import { Refresher } from './refresher';
import { UploadOverride } from './uploadoverride';

export interface IAttachOptions {
  /** Whether uploads are taken over; asked each time. */
  readonly enabled: () => boolean;
  /**
   * What to do where names are taken, asked once for all items; null: nothing
   * is uploaded. Without it new files get a free name.
   */
  readonly confirmConflicts?: (
    items: readonly IUploadItem[],
    destination: string
  ) => Promise<ConflictPolicy | null>;
  readonly translator?: ITranslator;
}

/** Milliseconds after which a person wonders; 20,000 files take several seconds to read. */
const PATIENCE = 1000;

/** Names of unreadable files in a message. */
const SHOWN = 5;

/**
 * Let files that are given to a file browser travel by `uploader`, until the
 * result or the browser is disposed.
 */
export function attachFileBrowser(
  browser: FileBrowser,
  uploader: Uploader,
  options: IAttachOptions
): IDisposable {
  const intake = new Intake(browser, uploader, options);
  const { enabled } = options;
  const set = DisposableSet.from([
    new DropTarget(browser, {
      enabled,
      onDrop: (data, folder) => void intake.drop(data, folder)
    }),
    new UploadOverride(browser, {
      enabled,
      send: (items, folder, onFile) => intake.send(items, folder, onFile),
      cancelled: () => intake.trans.__('The upload was cancelled.')
    }),
    new Refresher(browser, uploader)
  ]);
  browser.disposed.connect(() => set.dispose());
  return set;
}

/** From files for a folder to a batch. */
class Intake {
  constructor(
    browser: FileBrowser,
    uploader: Uploader,
    options: IAttachOptions
  ) {
    this._contents = browser.model.manager.services.contents;
    this._uploader = uploader;
    this._options = options;
    this.trans = (options.translator ?? nullTranslator).load(
      'jupyter_transfer'
    );
  }

  readonly trans;

  async drop(data: DataTransfer, folder: string): Promise<void> {
    const drop = await this._busyWhile(readDrop(data));
    const { items, emptyFolders, unreadable } = drop;
    if (unreadable.length > 0) {
      this._warn(unreadable);
    }
    const conflict = await this._policy(items, folder);
    if (conflict !== null) {
      // Before the files: both at once would race for the same parents.
      await this._makeFolders(emptyFolders, folder);
      this._upload(items, folder, conflict);
    }
  }

  /** Tell that a large folder is still being read. */
  private async _busyWhile<T>(work: Promise<T>): Promise<T> {
    let id = '';
    const timer = window.setTimeout(() => {
      const message = this.trans.__('Reading what was dropped…');
      id = Notification.emit(message, 'in-progress', { autoClose: false });
    }, PATIENCE);
    try {
      return await work;
    } finally {
      window.clearTimeout(timer);
      // Without an id it would dismiss those of everybody.
      if (id) {
        Notification.dismiss(id);
      }
    }
  }

  async send(
    items: IUploadItem[],
    folder: string,
    onFile: IUploadOptions['onFile']
  ): Promise<IUploadBatch | null> {
    const conflict = await this._policy(items, folder);
    return conflict && this._upload(items, folder, conflict, onFile);
  }

  private async _policy(
    items: IUploadItem[],
    folder: string
  ): Promise<ConflictPolicy | null> {
    const { confirmConflicts } = this._options;
    return confirmConflicts && items.length > 0
      ? confirmConflicts(items, this._contents.localPath(folder))
      : 'rename';
  }

  private _upload(
    items: IUploadItem[],
    folder: string,
    conflict: ConflictPolicy,
    onFile?: IUploadOptions['onFile']
  ): IUploadBatch | null {
    const destination = this._contents.localPath(folder);
    return items.length > 0
      ? this._uploader.upload(items, { destination, conflict, onFile })
      : null;
  }

  /** tus knows files only; folders without any are made by the contents API. */
  private async _makeFolders(
    paths: readonly string[],
    folder: string
  ): Promise<void> {
    const made = new Set<string>();
    for (const path of paths) {
      const names = path.split('/');
      for (let depth = 1; depth <= names.length; depth++) {
        const partial = names.slice(0, depth).join('/');
        const full = PathExt.join(folder, partial);
        if (!made.has(partial) && !(await this._makeFolder(full))) {
          return;
        }
        made.add(partial);
      }
    }
  }

  /** @returns whether the folder is there; one message is enough if not. */
  private async _makeFolder(path: string): Promise<boolean> {
    try {
      await this._contents.save(path, { type: 'directory', format: null });
      return true;
    } catch {
      Notification.warning(
        this.trans.__('The empty folder “%1” could not be made.', path)
      );
      return false;
    }
  }

  private _warn(paths: readonly string[]): void {
    const names = paths.slice(0, SHOWN).join(', ');
    Notification.warning(
      this.trans._n(
        'This file could not be read and was left out: %2',
        '%1 files could not be read and were left out, among them: %2',
        paths.length,
        names
      )
    );
  }

  private _contents: Contents.IManager;
  private _uploader: Uploader;
  private _options: IAttachOptions;
}
