/** Entries and drops as Chromium makes them, for the tests. */

type Tree = { [name: string]: string | Tree | null };

/** How many entries `readEntries` hands out at a time; Chromium: 100. */
const STEP = 2;

function fileEntry(name: string, content: string | null): FileSystemEntry {
  return {
    isFile: true,
    isDirectory: false,
    name,
    file: (ok: (file: File) => void, bad: (error: Error) => void) =>
      setTimeout(() =>
        content === null
          ? bad(new DOMException('gone', 'NotFoundError'))
          : ok(new File([content], name))
      )
  } as any;
}

function folderEntry(name: string, tree: Tree): FileSystemEntry {
  return {
    isFile: false,
    isDirectory: true,
    name,
    createReader: () => {
      const entries = entriesOf(tree);
      return {
        readEntries: (ok: (entries: FileSystemEntry[]) => void) =>
          setTimeout(() => ok(entries.splice(0, STEP)))
      };
    },
    getFile: (file: string, _: unknown, ok: (entry: unknown) => void) =>
      setTimeout(() => ok(entriesOf(tree).find(e => e.name === file)))
  } as any;
}

/** What Chromium gives beside an entry. It refuses the names of shortcuts. */
export function handleFor(tree: Tree): FileSystemDirectoryHandle {
  const refuse = () => Promise.reject(new TypeError('Name is not allowed.'));
  return {
    kind: 'directory',
    async *values() {
      for (const [name, value] of Object.entries(tree)) {
        yield value === null || typeof value === 'string'
          ? { kind: 'file', name }
          : { ...handleFor(value), name };
      }
    },
    getDirectoryHandle: async (name: string) => handleFor(tree[name] as Tree),
    getFileHandle: async (name: string) =>
      name.endsWith('.lnk')
        ? refuse()
        : {
            kind: 'file',
            name,
            getFile: async () => new File([tree[name] as string], name)
          }
  } as any;
}

/** Strings are files with that content, null cannot be read, objects are folders. */
export function entriesOf(tree: Tree): FileSystemEntry[] {
  return Object.entries(tree).map(([name, value]) =>
    value === null || typeof value === 'string'
      ? fileEntry(name, value)
      : folderEntry(name, value)
  );
}

/** What the browser keeps of a dropped folder. */
export function rootFor(
  name: string,
  tree: Tree,
  state: PermissionState = 'granted'
): FileSystemDirectoryHandle {
  const requestPermission = async () => state;
  return { ...handleFor(tree), name, requestPermission } as any;
}

/** A drop that is emptied when its event is over, as browsers do. */
export function makeDrop(
  entries: FileSystemEntry[],
  files: File[] = [],
  handle: FileSystemHandle | null = null
): DataTransfer {
  const items = [
    { kind: 'string', getAsFile: () => null, webkitGetAsEntry: () => null },
    ...entries.map(entry => ({
      kind: 'file',
      webkitGetAsEntry: () => entry,
      getAsFileSystemHandle: async () => handle
    })),
    ...files.map(file => ({
      kind: 'file',
      webkitGetAsEntry: () => null,
      getAsFile: () => file
    }))
  ];
  setTimeout(() => items.splice(0));
  return { items, files: [], types: ['Files'], dropEffect: 'none' } as any;
}
