import type { FileBrowser } from '@jupyterlab/filebrowser';
import type { IDisposable } from '@lumino/disposable';
import { intentFor } from './drives';

/** JupyterLab's class of a listing that files may be dropped on. */
const LISTING_CLASS = 'jp-mod-native-drop';

/** JupyterLab's class of a row that something may be dropped on. */
const ROW_CLASS = 'jp-mod-dropTarget';

const FOLDER_ROW = '.jp-DirListing-item[data-isdir="true"]';

/**
 * Takes files dropped on a file browser before JupyterLab does.
 *
 * It listens in the capture phase: the listing deals with the same events
 * further down, uploads one file after the other, and cannot be told not to.
 * What is not ours (other drags, other drives, switched off) goes through
 * untouched.
 */
export class DropTarget implements IDisposable {
  constructor(browser: FileBrowser, options: DropTarget.IOptions) {
    this._browser = browser;
    this._options = options;
    for (const type of EVENTS) {
      browser.node.addEventListener(type, this, true);
    }
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  dispose(): void {
    this._isDisposed = true;
    this._lightUp(null);
    for (const type of EVENTS) {
      this._browser.node.removeEventListener(type, this, true);
    }
  }

  handleEvent(event: Event): void {
    const drag = event as DragEvent;
    if (event.type === 'dragleave') {
      // Also when it was not ours: the setting may have changed in between.
      this._onLeave(drag);
      return;
    }
    const data = drag.dataTransfer;
    const { path } = this._browser.model;
    const intent = intentFor(this._browser, path, this._options.enabled());
    if (!data?.types.includes('Files') || intent === 'pass') {
      return;
    }
    // Without this the browser would open the file in place of the page.
    event.preventDefault();
    event.stopPropagation();
    if (intent === 'refuse') {
      data.dropEffect = 'none';
    } else if (event.type === 'drop') {
      this._lightUp(null);
      this._options.onDrop(data, this._folderAt(drag));
    } else {
      data.dropEffect = 'copy';
      this._lightUp(this._rowAt(drag) ?? this._listing);
    }
  }

  private _onLeave(event: DragEvent): void {
    const to = event.relatedTarget as Node | null;
    if (!this._browser.node.contains(to)) {
      this._lightUp(null);
    }
  }

  /** The folder under the pointer, else the one that is shown. */
  private _folderAt(event: DragEvent): string {
    const model = this._rowAt(event) && this._browser.modelForClick(event);
    return model?.type === 'directory' ? model.path : this._browser.model.path;
  }

  private _rowAt(event: DragEvent): Element | null {
    const { target } = event;
    return target instanceof Element ? target.closest(FOLDER_ROW) : null;
  }

  private get _listing(): Element | null {
    return this._browser.node.querySelector('.jp-DirListing');
  }

  private _lightUp(element: Element | null): void {
    if (this._lit !== element) {
      this._lit?.classList.remove(LISTING_CLASS, ROW_CLASS);
    }
    // Again each time: the listing draws its rows anew every few seconds.
    const isRow = element?.matches(FOLDER_ROW);
    element?.classList.add(isRow ? ROW_CLASS : LISTING_CLASS);
    this._lit = element;
  }

  private _browser: FileBrowser;
  private _options: DropTarget.IOptions;
  private _isDisposed = false;
  private _lit: Element | null = null;
}

const EVENTS = ['dragenter', 'dragover', 'dragleave', 'drop'] as const;

export namespace DropTarget {
  export interface IOptions {
    readonly enabled: () => boolean;
    /** Files were dropped on `folder` (with its drive); read `data` at once. */
    readonly onDrop: (data: DataTransfer, folder: string) => void;
  }
}
