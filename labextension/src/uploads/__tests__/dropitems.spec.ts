import { FileItem } from '../fileitem';
import * as dropitems from '../dropitems';
import type { OpenFiles } from '../openfiles';
import { openFiles } from '../openfiles';
import { entriesOf, handleFor, makeDrop } from './drops';

/** As where there is no worker. */
const NOBODY: OpenFiles = async () => null;

function readDrop(data: DataTransfer, open = NOBODY): Promise<dropitems.IDrop> {
  return dropitems.readDrop(data, open);
}

describe('readDrop', () => {
  it('reads folders to the bottom, in the order of the tree', async () => {
    const tree = {
      photos: {
        'a.jpg': 'A',
        sub: { 'b.jpg': 'B', deeper: { 'c.jpg': 'C' }, 'd.jpg': 'D' },
        'e.jpg': 'E',
        'f.jpg': 'F',
        'g.jpg': 'G'
      },
      'top.txt': 'T'
    };
    const { items } = await readDrop(makeDrop(entriesOf(tree)));
    expect(items.map(item => item.relativePath)).toEqual([
      'photos/a.jpg',
      'photos/sub/b.jpg',
      'photos/sub/deeper/c.jpg',
      'photos/sub/d.jpg',
      'photos/e.jpg',
      'photos/f.jpg',
      'photos/g.jpg',
      'top.txt'
    ]);
    expect(await (await items[2].open()).text()).toBe('C');
  });

  it('takes the file where there is no entry', async () => {
    const file = new File(['x'], 'image.png');
    const { items } = await readDrop(makeDrop([], [file]));
    expect(items).toEqual([new FileItem(file, 'image.png')]);
  });

  it('takes the files where there are no items', async () => {
    const file = new File(['x'], 'old.txt');
    const { items } = await readDrop({ files: [file] } as any);
    expect(items).toEqual([new FileItem(file, 'old.txt')]);
  });

  it('tells empty folders', async () => {
    const tree = { data: { empty: {}, 'a.txt': 'A' } };
    const drop = await readDrop(makeDrop(entriesOf(tree)));
    expect(drop.items.map(i => i.relativePath)).toEqual(['data/a.txt']);
    expect(drop.emptyFolders).toEqual(['data/empty']);
  });

  it('opens no file before it is asked for', async () => {
    const [entry] = entriesOf({ 'a.txt': 'A' });
    const open = jest.spyOn(entry as FileSystemFileEntry, 'file');
    const { items } = await readDrop(makeDrop([entry]));
    expect(open).not.toHaveBeenCalled();
    expect(items[0].size).toBeNull();
    expect(await (await items[0].open()).text()).toBe('A');
    expect(items[0].size).toBe(1);
  });

  it('rejects where a file cannot be read', async () => {
    const { items } = await readDrop(makeDrop(entriesOf({ gone: null })));
    await expect(items[0].open()).rejects.toMatchObject({
      name: 'NotFoundError'
    });
  });

  it('tells a folder that cannot be listed', async () => {
    const [folder] = entriesOf({ locked: {} });
    (folder as any).createReader = () => ({
      readEntries: (_: unknown, bad: (error: Error) => void) =>
        bad(new DOMException('no', 'NotReadableError'))
    });
    const drop = await readDrop(makeDrop([folder]));
    expect(drop.unreadable).toEqual(['locked']);
    expect(drop.emptyFolders).toEqual([]);
  });

  it('leaves out the debris of operating systems, but only in folders', async () => {
    const tree = { '.DS_Store': 'x', d: { '.DS_Store': 'x', a: 'A' } };
    const { items } = await readDrop(makeDrop(entriesOf(tree)));
    expect(items.map(i => i.relativePath)).toEqual(['.DS_Store', 'd/a']);
  });

  it('reads ten thousand files', async () => {
    const names = Array.from({ length: 10_000 }, (_, n) => [`${n}`, 'x']);
    const [folder] = entriesOf({ many: {} });
    const entries = entriesOf(Object.fromEntries(names));
    (folder as any).createReader = () => ({
      readEntries: (ok: (entries: FileSystemEntry[]) => void) =>
        ok(entries.splice(0, 100))
    });
    const { items } = await readDrop(makeDrop([folder]));
    expect(items).toHaveLength(10_000);
    expect(items[9_999].relativePath).toBe('many/9999');
  });

  it('opens files by their handles, where the browser has such', async () => {
    const tree = { d: { a: 'A', sub: { b: 'B' } } };
    const [folder] = entriesOf(tree);
    (folder as any).getFile = () => {
      throw new Error('by the entry');
    };
    const drop = makeDrop([folder], [], handleFor(tree.d));
    const { items, roots } = await readDrop(drop);
    expect(items.map(i => i.relativePath)).toEqual(['d/a', 'd/sub/b']);
    const texts = items.map(async i => (await i.open()).text());
    expect(await Promise.all(texts)).toEqual(['A', 'B']);
    expect(items.map(i => i.size)).toEqual([1, 1]);
    expect(await items[1].handle).toMatchObject({ kind: 'file', name: 'b' });
    expect(roots).toMatchObject({ handles: [{ kind: 'directory' }], files: 2 });
  });

  it('has files opened beside the page, those of one turn together', async () => {
    const names = Array.from({ length: 20 }, (_, n) => `${n}`);
    const tree = {
      d: Object.fromEntries(names.map(name => [name, `in ${name}`])),
      e: { 'a.txt': 'A' }
    };
    const drop = makeDrop(entriesOf({ top: tree }), [], handleFor(tree));
    const beside = jest.fn(openFiles);
    const { items } = await readDrop(drop, beside);
    const files = await Promise.all(items.map(each => each.open()));
    expect(beside.mock.calls.map(([{ names }]) => names)).toEqual([
      names,
      ['a.txt']
    ]);
    const texts = files.map(file => file.text());
    expect(await Promise.all(texts)).toEqual([
      ...names.map(name => `in ${name}`),
      'A'
    ]);
    expect(await (await items[3].open()).text()).toBe('in 3');
    expect(beside).toHaveBeenCalledTimes(3);
  });

  it('opens a file itself that cannot be opened beside the page', async () => {
    const tree = { d: { 'a.lnk': 'A', b: 'B' } };
    const drop = makeDrop(entriesOf(tree), [], handleFor(tree.d));
    const { items } = await readDrop(drop, openFiles);
    const texts = items.map(async i => (await i.open()).text());
    expect(await Promise.all(texts)).toEqual(['A', 'B']);
  });

  it('makes no handle of a file in the page', async () => {
    const tree = { a: 'A', b: 'B' };
    const handle = handleFor(tree) as FileSystemDirectoryHandle;
    const ask = jest.spyOn(handle, 'getFileHandle');
    const drop = makeDrop(entriesOf({ d: tree }), [], handle);
    const { items } = await readDrop(drop, async ({ names }) =>
      names.map(name => new File([name], name))
    );
    await Promise.all(items.map(each => each.open()));
    expect(ask).not.toHaveBeenCalled();
  });

  it('opens files by their entries that have no handle', async () => {
    const tree = { d: { 'a.lnk': 'A' } };
    const drop = makeDrop(entriesOf(tree), [], handleFor(tree.d));
    const { items } = await readDrop(drop);
    expect(await (await items[0].open()).text()).toBe('A');
    expect(await items[0].handle).toBeNull();
  });

  it('opens entries one at a time', async () => {
    const tree = Object.fromEntries(['a', 'b', 'c', 'd'].map(n => [n, n]));
    const { items } = await readDrop(makeDrop(entriesOf({ d: tree })));
    let open = 0;
    let most = 0;
    for (const each of items) {
      const entry = (each as any)._entry;
      const { file } = entry;
      entry.file = (ok: (file: File) => void, bad: () => void) => {
        most = Math.max(most, ++open);
        file((opened: File) => {
          open -= 1;
          ok(opened);
        }, bad);
      };
    }
    await Promise.all(items.map(each => each.open()));
    expect(most).toBe(1);
  });
});
