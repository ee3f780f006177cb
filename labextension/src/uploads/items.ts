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

/**
 * Files of an `<input type="file">` as items; with `webkitdirectory` they know
 * their place below the chosen folder.
 */
export function itemsOf(files: Iterable<File>): IUploadItem[] {
  return Array.from(files, file => ({
    file,
    relativePath: file.webkitRelativePath || file.name
  }));
}
