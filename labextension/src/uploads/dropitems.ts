import { DroppedFolder } from './droppedfolder';
import { EntryItem } from './entryitem';
import { FileItem } from './fileitem';
import { FolderItem } from './folderitem';
import { isDebris } from './items';
import type { OpenFiles } from './openfiles';
import type { IFolderRoots, IUploadItem } from './tokens';

/** What a person dropped. */
export interface IDrop {
  /** The files, with their places below what was dropped. */
  readonly items: IUploadItem[];
  /** Folders without any file, parents before their children. */
  readonly emptyFolders: string[];
  /** Folders that the browser could not list. */
  readonly unreadable: string[];
  /** What opens all of it again after a reload; null where the browser gave none. */
  readonly roots: IFolderRoots | null;
}

/** A drop while it is read. */
type IFound = Omit<IDrop, 'roots'>;

/** Something dropped, as the browser hands it out. */
type Root = DroppedFolder | IUploadItem;

/**
 * Read a drop to the bottom of its folders. No file is opened.
 *
 * Everything is taken out of `dataTransfer` before this returns: the browser
 * empties it when the event handler ends.
 */
export function readDrop(
  dataTransfer: DataTransfer,
  openFiles: OpenFiles
): Promise<IDrop> {
  const drop = { items: [], emptyFolders: [], unreadable: [] };
  const roots = takeOut(dataTransfer, openFiles);
  return readAll(roots, drop);
}

function takeOut(dataTransfer: DataTransfer, openFiles: OpenFiles): Root[] {
  const roots: Root[] = [];
  for (const item of Array.from(dataTransfer.items ?? [])) {
    if (item.kind !== 'file') {
      continue;
    }
    const entry = item.webkitGetAsEntry?.();
    const file = entry ? null : item.getAsFile();
    const handle = entry && handleOf(item);
    if (entry?.isDirectory) {
      const folder = entry as FileSystemDirectoryEntry;
      const find = () => handle as Promise<FileSystemDirectoryHandle | null>;
      roots.push(new DroppedFolder(entry.name, folder, find, openFiles));
    } else if (entry) {
      const opener = entry as FileSystemFileEntry;
      const own = handle as Promise<FileSystemFileHandle | null>;
      roots.push(new EntryItem(opener, entry.name, own));
    } else if (file) {
      // It does not lie in a file system, e.g. an image dragged out of a page.
      roots.push(new FileItem(file));
    }
  }
  const files = Array.from(dataTransfer.files ?? []);
  return roots.length > 0 ? roots : files.map(file => new FileItem(file));
}

/** What opens a dropped file or folder again after a reload, where the browser has such. */
async function handleOf(
  item: DataTransferItem
): Promise<FileSystemHandle | null> {
  try {
    return (await (item as any).getAsFileSystemHandle?.()) ?? null;
  } catch {
    return null;
  }
}

async function readAll(roots: readonly Root[], drop: IFound): Promise<IDrop> {
  const handles: FileSystemDirectoryHandle[] = [];
  for (const root of roots) {
    if (root instanceof DroppedFolder) {
      await readFolder(root, drop);
      const handle = await root.handle;
      handles.push(...(handle ? [handle] : []));
    } else {
      drop.items.push(root);
    }
  }
  const isWhole = handles.length > 0 && handles.length === roots.length;
  const files = drop.items.length;
  return { ...drop, roots: isWhole ? { handles, files } : null };
}

async function readFolder(folder: DroppedFolder, drop: IFound): Promise<void> {
  const { path } = folder;
  const hasHandle = (await folder.handle) !== null;
  const reader = folder.entry!.createReader();
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
        const { isDirectory, name } = entry;
        if (isDirectory) {
          const below = folder.below(entry as FileSystemDirectoryEntry);
          await readFolder(below, drop);
        } else if (!isDebris(name)) {
          const item = hasHandle
            ? new FolderItem(folder, name)
            : new EntryItem(entry as FileSystemFileEntry, `${path}/${name}`);
          drop.items.push(item);
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
