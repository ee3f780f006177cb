/**
 * Where in the server's tree the person is: the file browser in use.
 */

import type { FileBrowser, IFileBrowserFactory } from '@jupyterlab/filebrowser';
import type { Contents } from '@jupyterlab/services';
import { baseName, folderOf } from './names';

/** Drives whose paths are paths below the server's root. */
const SERVED_DRIVES = ['', 'RTC'];

export class Place {
  constructor(options: Place.IOptions) {
    this._options = options;
  }

  /** The browser in use, else the default one. */
  get browser(): FileBrowser | null {
    const { factory, defaultBrowser } = this._options;
    return factory?.tracker.currentWidget ?? defaultBrowser;
  }

  /** The folder shown, below the server's root; '' is the root, also for foreign drives. */
  get folder(): string {
    const { browser } = this;
    return (browser && this.served(browser.model.path)) ?? '';
  }

  /** Whether files may be uploaded at all. */
  get uploadsAllowed(): boolean {
    return this.browser?.allowFileUploads ?? true;
  }

  /** The selection, as far as this server holds it. */
  get selection(): Contents.IModel[] {
    const { browser } = this;
    if (!browser) {
      return [];
    }
    return Array.from(browser.selectedItems(), item => ({
      ...item,
      path: this.served(item.path) ?? ''
    })).filter(item => item.path !== '');
  }

  /** A path of the file browser as a path below the server's root; null on foreign drives. */
  served(path: string): string | null {
    const { contents } = this._options;
    return SERVED_DRIVES.includes(contents.driveName(path))
      ? contents.localPath(path)
      : null;
  }

  /** Show a file or folder in the file browser. */
  async reveal(path: string): Promise<void> {
    const { browser } = this;
    if (!browser) {
      return;
    }
    const { contents, activate } = this._options;
    const drive = contents.driveName(browser.model.path);
    const prefix = SERVED_DRIVES.includes(drive) && drive ? `${drive}:` : '';
    // A hidden listing does not sort, so it would not know a new file.
    activate(browser);
    await browser.model.cd(`${prefix}/${folderOf(path)}`);
    await browser.model.refresh();
    if (path) {
      await browser.selectItemByName(baseName(path));
    }
  }

  private _options: Place.IOptions;
}

export namespace Place {
  export interface IOptions {
    readonly factory: Pick<IFileBrowserFactory, 'tracker'> | null;
    readonly defaultBrowser: FileBrowser | null;
    readonly contents: Pick<Contents.IManager, 'driveName' | 'localPath'>;
    /** Bring a file browser to the front. */
    readonly activate: (browser: FileBrowser) => void;
  }
}
