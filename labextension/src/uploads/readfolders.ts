import { DroppedFolder } from './droppedfolder';
import { FolderItem } from './folderitem';
import { isDebris } from './items';
import type { IUploadItem } from './tokens';

/**
 * The files below folders that an earlier page was given. The browser asks the
 * person, so call it when they clicked.
 *
 * Rejects when a folder was moved or removed, or the person says no.
 */
export async function readFolders(
  roots: readonly FileSystemDirectoryHandle[]
): Promise<IUploadItem[]> {
  const items: IUploadItem[] = [];
  for (const root of roots) {
    const state = await (root as any).requestPermission({ mode: 'read' });
    if (state !== 'granted') {
      throw new DOMException('The person said no.', 'NotAllowedError');
    }
    await read(root, root.name, items);
  }
  return items;
}

async function read(
  handle: FileSystemDirectoryHandle,
  path: string,
  items: IUploadItem[]
): Promise<void> {
  const folder = new DroppedFolder(path, null, () => Promise.resolve(handle));
  const entries: AsyncIterable<FileSystemHandle> = (handle as any).values();
  for await (const entry of entries) {
    if (entry.kind === 'directory') {
      const below = entry as FileSystemDirectoryHandle;
      await read(below, `${path}/${entry.name}`, items);
    } else if (!isDebris(entry.name)) {
      items.push(new FolderItem(folder, entry.name));
    }
  }
}
