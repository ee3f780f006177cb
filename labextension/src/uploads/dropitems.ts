import { EntryItem } from './entryitem';
import { FileItem } from './fileitem';
import { isDebris } from './items';
import type { IUploadItem } from './tokens';

/** What a person dropped. */
export interface IDrop {
  /** The files, with their places below what was dropped. */
  readonly items: IUploadItem[];
  /** Folders without any file, parents before their children. */
  readonly emptyFolders: string[];
  /** Folders that the browser could not list. */
  readonly unreadable: string[];
}

/**
 * Read a drop to the bottom of its folders. No file is opened.
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
      drop.items.push(new FileItem(root));
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
  } else {
    drop.items.push(new EntryItem(entry as FileSystemFileEntry, path));
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
      for (const entry of entries) {
        if (entry.isDirectory || !isDebris(entry.name)) {
          await readEntry(entry, `${path}/${entry.name}`, drop);
        }
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

function readEntries(
  reader: FileSystemDirectoryReader
): Promise<FileSystemEntry[]> {
  return new Promise((resolve, reject) => reader.readEntries(resolve, reject));
}
