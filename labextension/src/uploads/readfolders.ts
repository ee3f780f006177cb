import { DroppedFolder } from './droppedfolder';
import { FolderItem } from './folderitem';
import { isDebris } from './items';
import type { OpenFiles } from './openfiles';
import type { IUploadItem } from './tokens';

/**
 * The files below folders that an earlier page was given. The browser asks the
 * person, so call it when they clicked.
 *
 * Rejects when a folder was moved or removed, or the person says no.
 */
export async function readFolders(
  roots: readonly FileSystemDirectoryHandle[],
  openFiles: OpenFiles
): Promise<IUploadItem[]> {
  const items: IUploadItem[] = [];
  for (const root of roots) {
    const state = await (root as any).requestPermission({ mode: 'read' });
    if (state !== 'granted') {
      throw new DOMException('The person said no.', 'NotAllowedError');
    }
    await read(root, root.name, items, openFiles);
  }
  return items;
}

async function read(
  handle: FileSystemDirectoryHandle,
  path: string,
  items: IUploadItem[],
  openFiles: OpenFiles
): Promise<void> {
  const find = () => Promise.resolve(handle);
  const folder = new DroppedFolder(path, null, find, openFiles);
  const entries: AsyncIterable<FileSystemHandle> = (handle as any).values();
  for await (const entry of entries) {
    if (entry.kind === 'directory') {
      const below = entry as FileSystemDirectoryHandle;
      await read(below, `${path}/${entry.name}`, items, openFiles);
    } else if (!isDebris(entry.name)) {
      items.push(new FolderItem(folder, entry.name));
    }
  }
}
