/** Files of one folder that are to be opened. */
export interface IToOpen {
  readonly folder: FileSystemDirectoryHandle;
  readonly names: readonly string[];
}

/**
 * Opens files of a folder, in the order of their names; null for one that cannot
 * be opened so, and for all where nobody opens any.
 */
export type OpenFiles = (
  toOpen: IToOpen
) => Promise<readonly (File | null)[] | null>;

/** Open files by their handles. Never rejects. */
export function openFiles({
  folder,
  names
}: IToOpen): Promise<(File | null)[]> {
  const open = async (name: string) => {
    try {
      return await (await folder.getFileHandle(name)).getFile();
    } catch {
      return null;
    }
  };
  return Promise.all(names.map(open));
}
