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

/** Something dropped, as the browser hands it out. */
type Root = FileSystemDirectoryEntry | IUploadItem;

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

function takeOut(dataTransfer: DataTransfer): Root[] {
  const roots: Root[] = [];
  for (const item of Array.from(dataTransfer.items ?? [])) {
    if (item.kind !== 'file') {
      continue;
    }
    const entry = item.webkitGetAsEntry?.();
    const file = entry ? null : item.getAsFile();
    if (entry?.isDirectory) {
      roots.push(entry as FileSystemDirectoryEntry);
    } else if (entry) {
      const opener = entry as FileSystemFileEntry;
      roots.push(new EntryItem(opener, entry.name, handleOf(item)));
    } else if (file) {
      // It does not lie in a file system, e.g. an image dragged out of a page.
      roots.push(new FileItem(file));
    }
  }
  const files = Array.from(dataTransfer.files ?? []);
  return roots.length > 0 ? roots : files.map(file => new FileItem(file));
}

/** What opens a dropped file again after a reload, where the browser has such. */
async function handleOf(
  item: DataTransferItem
): Promise<FileSystemFileHandle | null> {
  try {
    return (await (item as any).getAsFileSystemHandle?.()) ?? null;
  } catch {
    return null;
  }
}

async function readAll(roots: readonly Root[], drop: IDrop): Promise<void> {
  for (const root of roots) {
    if ('createReader' in root) {
      await readFolder(root, root.name, drop);
    } else {
      drop.items.push(root);
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
