import type { IUploadItem } from './tokens';

/**
 * The name of a row: the file, or the folder that all items lie in, or the
 * first of them and how many more there are.
 */
export function nameOf(items: readonly IUploadItem[]): string {
  if (items.length === 0) {
    return '';
  }
  const first = items[0].relativePath;
  const slash = first.indexOf('/');
  const folder = first.slice(0, slash + 1);
  if (slash > 0 && items.every(i => i.relativePath.startsWith(folder))) {
    return first.slice(0, slash);
  }
  const name = slash > 0 ? first.slice(0, slash) : first;
  return items.length === 1 ? name : `${name} + ${items.length - 1}`;
}

/** What operating systems scatter in folders for themselves; most servers refuse hidden files. */
const DEBRIS = new Set(['.DS_Store', 'Thumbs.db', 'desktop.ini']);

/** Whether a file inside a folder was not put there by a person. */
export function isDebris(name: string): boolean {
  return DEBRIS.has(name);
}

/**
 * Files of an `<input type="file">` as items; with `webkitdirectory` they know
 * their place below the chosen folder.
 */
export function itemsOf(files: Iterable<File>): IUploadItem[] {
  return Array.from(files)
    .filter(file => !file.webkitRelativePath || !isDebris(file.name))
    .map(file => ({
      file,
      relativePath: file.webkitRelativePath || file.name
    }));
}
