import type { FileBrowser } from '@jupyterlab/filebrowser';

/**
 * The server's own disk: the default drive, and the drive by which older
 * collaboration extensions show the same files.
 */
const SERVED = new Set(['', 'RTC']);

/** What to do with files that are given to a file browser. */
export type Intent = 'take' | 'refuse' | 'pass';

/** Whether `path` (with its drive) lies on the disk of the server. */
export function isServed(browser: FileBrowser, path: string): boolean {
  const { contents } = browser.model.manager.services;
  return SERVED.has(contents.driveName(path));
}

/**
 * Whether files for the folder `path` are ours, unwanted, or JupyterLab's own
 * business.
 */
export function intentFor(
  browser: FileBrowser,
  path: string,
  enabled: boolean
): Intent {
  if (!enabled || !isServed(browser, path)) {
    return 'pass';
  }
  // Before JupyterLab 4.5 there is no such property.
  return browser.model.allowFileUploads === false ? 'refuse' : 'take';
}
