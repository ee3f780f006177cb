import type { FileBrowser } from '@jupyterlab/filebrowser';
import { Debouncer } from '@lumino/polling';
import type { IDisposable } from '@lumino/disposable';
import type { IUploadBatch, Uploader } from '../uploads';

/** Milliseconds: batches that end together cause one request. */
const DELAY = 200;

/** Shows new files in a file browser as soon as a batch arrived. */
export class Refresher implements IDisposable {
  constructor(browser: FileBrowser, uploader: Refresher.IUploads) {
    this._browser = browser;
    this._uploader = uploader;
    this._debouncer = new Debouncer(() => browser.model.refresh(), DELAY);
    uploader.batchFinished.connect(this._onFinished, this);
  }

  get isDisposed(): boolean {
    return this._debouncer.isDisposed;
  }

  dispose(): void {
    this._uploader.batchFinished.disconnect(this._onFinished, this);
    this._debouncer.dispose();
  }

  private _onFinished(_: Uploader, batch: IUploadBatch): void {
    const { model } = this._browser;
    const shown = model.manager.services.contents.localPath(model.path);
    const isInside = `${shown}/`.startsWith(`${batch.destination}/`);
    if (batch.destination === '' || isInside) {
      // It rejects when disposed in the meantime.
      this._debouncer.invoke().catch(() => undefined);
    }
  }

  private _browser: FileBrowser;
  private _uploader: Refresher.IUploads;
  private _debouncer: Debouncer<void, void>;
}

export namespace Refresher {
  export type IUploads = Pick<Uploader, 'batchFinished'>;
}
