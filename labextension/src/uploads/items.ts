import { FileItem } from './fileitem';
import type { IUploadItem } from './tokens';

/**
 * The name of a row: the file or folder that was given, and how many more
 * were given with it.
 */
export function nameOf(
  items: ReadonlyArray<Pick<IUploadItem, 'relativePath'>>
): string {
  let count = 0;
  let last = '';
  for (const { relativePath } of items) {
    // Files of one folder stand together.
    if (count === 0 || !relativePath.startsWith(`${last}/`)) {
      last = topOf(relativePath);
      count += 1;
    }
  }
  const first = count > 0 ? topOf(items[0].relativePath) : '';
  return count > 1 ? `${first} + ${count - 1}` : first;
}

function topOf(path: string): string {
  const slash = path.indexOf('/');
  return slash > 0 ? path.slice(0, slash) : path;
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
    .map(file => new FileItem(file, file.webkitRelativePath || file.name));
}
