import { isDebris } from './items';
import type { IUploadItem } from './tokens';

/** Files that are opened together: more do not come quicker, but make the page stutter. */
const AT_ONCE = 16;

/** What a person dropped. */
export interface IDrop {
  /** The files, with their places below what was dropped. */
  readonly items: IUploadItem[];
  /** Folders without any file, parents before their children. */
  readonly emptyFolders: string[];
  /** Files and folders that the browser could not read. */
  readonly unreadable: string[];
}

/**
 * Read a drop to the bottom of its folders.
 *
 * Everything is taken out of `dataTransfer` before this returns: the browser
 * empties it when the event handler ends.
 */
export function readDrop(dataTransfer: DataTransfer): Promise<IDrop> {
  const drop: IDrop = { items: [], emptyFolders: [], unreadable: [] };
  const roots = takeOut(dataTransfer);
  return readAll(roots, drop).then(() => drop);
}

function takeOut(dataTransfer: DataTransfer): Array<FileSystemEntry | File> {
  const roots: Array<FileSystemEntry | File> = [];
  for (const item of Array.from(dataTransfer.items ?? [])) {
    if (item.kind !== 'file') {
      continue;
    }
    // No entry: the file does not lie in a file system, e.g. an image that was
    // dragged out of a page.
    const root = item.webkitGetAsEntry?.() ?? item.getAsFile();
    if (root) {
      roots.push(root);
    }
  }
  return roots.length > 0 ? roots : Array.from(dataTransfer.files ?? []);
}

async function readAll(
  roots: ReadonlyArray<FileSystemEntry | File>,
  drop: IDrop
): Promise<void> {
  for (const root of roots) {
    if ('isDirectory' in root) {
      await readEntry(root, root.name, drop);
    } else {
      drop.items.push({ file: root, relativePath: root.name });
    }
  }
}

async function readEntry(
  entry: FileSystemEntry,
  path: string,
  drop: IDrop
): Promise<void> {
  if (entry.isDirectory) {
    await readFolder(entry as FileSystemDirectoryEntry, path, drop);
    return;
  }
  const file = await readFile(entry as FileSystemFileEntry);
  if (file === null) {
    drop.unreadable.push(path);
  } else {
    drop.items.push({ file, relativePath: path });
  }
}

async function readFolder(
  folder: FileSystemDirectoryEntry,
  path: string,
  drop: IDrop
): Promise<void> {
  const reader = folder.createReader();
  let isEmpty = true;
  try {
    for (;;) {
      // Chromium hands out a hundred at a time; an empty list is the end.
      const entries = await readEntries(reader);
      if (entries.length === 0) {
        break;
      }
      isEmpty = false;
      const wanted = entries.filter(e => e.isDirectory || !isDebris(e.name));
      for (let start = 0; start < wanted.length; start += AT_ONCE) {
        const group = wanted.slice(start, start + AT_ONCE);
        await readGroup(group, path, drop);
      }
    }
  } catch {
    drop.unreadable.push(path);
    return;
  }
  if (isEmpty) {
    drop.emptyFolders.push(path);
  }
}

/** Files of a group are opened together, but listed in its order. */
async function readGroup(
  entries: readonly FileSystemEntry[],
  path: string,
  drop: IDrop
): Promise<void> {
  const files = await Promise.all(
    entries.map(e => (e.isFile ? readFile(e as FileSystemFileEntry) : null))
  );
  for (const [index, entry] of entries.entries()) {
    const below = `${path}/${entry.name}`;
    const file = files[index];
    if (entry.isDirectory) {
      await readFolder(entry as FileSystemDirectoryEntry, below, drop);
    } else if (file === null) {
      drop.unreadable.push(below);
    } else {
      drop.items.push({ file, relativePath: below });
    }
  }
}

function readEntries(
  reader: FileSystemDirectoryReader
): Promise<FileSystemEntry[]> {
  return new Promise((resolve, reject) => reader.readEntries(resolve, reject));
}

/** The file, or null if it cannot be read. */
function readFile(entry: FileSystemFileEntry): Promise<File | null> {
  return new Promise(resolve => entry.file(resolve, () => resolve(null)));
}
