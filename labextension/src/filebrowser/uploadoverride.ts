import type { FileBrowser } from '@jupyterlab/filebrowser';
import type { Contents } from '@jupyterlab/services';
import { PathExt } from '@jupyterlab/coreutils';
import { PromiseDelegate } from '@lumino/coreutils';
import type { IDisposable } from '@lumino/disposable';
import type { ITransferErrorData, IUploadBatch, IUploadItem } from '../uploads';
import { FileItem } from '../uploads';
import { intentFor } from './drives';

/** One call of `upload` that waits for its file. */
interface ICall {
  readonly item: IUploadItem;
  readonly model: PromiseDelegate<Contents.IModel>;
}

/**
 * Sends the files of `FileBrowserModel.upload` (the Upload button, and other
 * extensions) our way.
 *
 * The method is replaced on the instance only, and put back when disposed.
 * The button calls it once a file, all in one go: such calls become one batch,
 * so that there is one question about taken names and one row.
 */
export class UploadOverride implements IDisposable {
  constructor(browser: FileBrowser, options: UploadOverride.IOptions) {
    this._browser = browser;
    this._options = options;
    this._ours = (file, path) => this._upload(file, path);
    this._original = browser.model.upload;
    browser.model.upload = this._ours;
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  dispose(): void {
    if (this._isDisposed) {
      return;
    }
    this._isDisposed = true;
    // Somebody may have put theirs before ours; then ours only passes on.
    if (this._browser.model.upload === this._ours) {
      this._browser.model.upload = this._original;
    }
  }

  private async _upload(file: File, path?: string): Promise<Contents.IModel> {
    const { model } = this._browser;
    const folder = path ?? model.path;
    const enabled = this._options.enabled() && !this._isDisposed;
    // JupyterLab's own method refuses by itself, in the person's language.
    if (intentFor(this._browser, folder, enabled) !== 'take') {
      return this._original.call(model, file, path);
    }
    const calls = this._waiting.get(folder) ?? [];
    if (calls.length === 0) {
      this._waiting.set(folder, calls);
      queueMicrotask(() => void this._send(folder));
    }
    const delegate = new PromiseDelegate<Contents.IModel>();
    calls.push({ item: new FileItem(file), model: delegate });
    return delegate.promise;
  }

  private async _send(folder: string): Promise<void> {
    const calls = this._waiting.get(folder) ?? [];
    this._waiting.delete(folder);
    const byItem = new Map(calls.map(call => [call.item, call]));
    const items = calls.map(call => call.item);
    let reason: unknown;
    try {
      const batch = await this._options.send(
        items,
        folder,
        (item, path, error) =>
          this._settle(byItem.get(item), folder, path, error)
      );
      await batch?.finished;
      reason = new Error(batch?.error?.message ?? this._options.cancelled());
    } catch (error) {
      reason = error;
    }
    // Only for those whose file was never sent; the others are settled.
    calls.forEach(call => call.model.reject(reason));
  }

  private _settle(
    call: ICall | undefined,
    folder: string,
    path: string | null,
    error: ITransferErrorData | null
  ): void {
    if (error !== null) {
      call?.model.reject(new Error(error.message));
      return;
    }
    const name = call?.item.relativePath ?? '';
    const { contents } = this._browser.model.manager.services;
    const drive = contents.driveName(folder);
    // A skipped file: the one that stands there is what the caller gets.
    const local = path ?? PathExt.join(contents.localPath(folder), name);
    call?.model.resolve(this._modelOf(drive ? `${drive}:${local}` : local));
  }

  private async _modelOf(path: string): Promise<Contents.IModel> {
    const { contents } = this._browser.model.manager.services;
    try {
      return await contents.get(path, { content: false });
    } catch {
      // The file arrived all the same; it may be one that is not shown.
      return {
        name: PathExt.basename(path),
        path,
        type: 'file',
        writable: true,
        created: '',
        last_modified: '',
        mimetype: '',
        content: null,
        format: null
      };
    }
  }

  private _browser: FileBrowser;
  private _options: UploadOverride.IOptions;
  private _ours: FileBrowser['model']['upload'];
  private _original: FileBrowser['model']['upload'];
  private _isDisposed = false;
  private _waiting = new Map<string, ICall[]>();
}

export namespace UploadOverride {
  export interface IOptions {
    readonly enabled: () => boolean;
    /** Upload into `folder` (with its drive); null when a person thought better of it. */
    readonly send: (
      items: IUploadItem[],
      folder: string,
      onFile: (
        item: IUploadItem,
        path: string | null,
        error: ITransferErrorData | null
      ) => void
    ) => Promise<IUploadBatch | null>;
    /** What a caller is told whose file was not sent. */
    readonly cancelled: () => string;
  }
}
