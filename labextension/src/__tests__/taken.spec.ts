import { findTaken } from '../taken';
import { FileItem } from '../uploads';
import { contentsOf, item } from './samples';

const NOTHING = { taken: [], beside: [], unseen: 0 };

describe('findTaken', () => {
  it('finds names that are taken, with size and date', async () => {
    const contents = contentsOf('data/', 'data/a.csv');
    const { taken } = await findTaken(
      [item('a.csv'), item('b.csv')],
      'data',
      contents
    );
    expect(taken).toMatchObject([
      { item: { relativePath: 'a.csv' }, size: 7, modified: expect.any(String) }
    ]);
  });

  it('looks into folders that exist', async () => {
    const contents = contentsOf('photos/', 'photos/x/', 'photos/x/1.jpg');
    const { taken } = await findTaken(
      [item('photos/x/1.jpg'), item('photos/x/2.jpg'), item('photos/y/1.jpg')],
      '',
      contents
    );
    expect(taken.map(each => each.item.relativePath)).toEqual([
      'photos/x/1.jpg'
    ]);
  });

  it('asks once for a new folder, however many files it has', async () => {
    const contents = contentsOf('old.txt');
    const items = Array.from({ length: 1000 }, (_, index) =>
      item(`new/sub${index % 100}/${index}.txt`)
    );
    expect(await findTaken(items, '', contents)).toEqual(NOTHING);
    expect(contents.get).toHaveBeenCalledTimes(1);
  });

  it('does not take a folder for a file of the same name', async () => {
    const contents = contentsOf('a/');
    expect(await findTaken([item('a')], '', contents)).toEqual(NOTHING);
  });

  it('has nothing in a folder that is not there', async () => {
    const contents = contentsOf();
    expect(await findTaken([item('a')], 'gone', contents)).toEqual(NOTHING);
  });

  it('says how many folders the server does not list', async () => {
    const contents = contentsOf('b/', 'b/1', 'c/', 'c/1');
    const { get } = contents;
    contents.get = jest.fn(path =>
      path === 'c' ? Promise.reject(new Error('no answer')) : get(path)
    );
    const { taken, unseen } = await findTaken(
      [item('b/1'), item('c/1'), item('c/2')],
      '',
      contents
    );
    expect(taken.map(each => each.path)).toEqual(['b/1']);
    expect(unseen).toBe(1);
  });

  it('finds the name that the server makes of one with loose accents', async () => {
    const contents = contentsOf('é/', 'é/é.txt');
    const { taken } = await findTaken(
      [item('e\u0301/e\u0301.txt')],
      '',
      contents
    );
    expect(taken.map(each => each.path)).toEqual(['é/é.txt']);
  });

  it('finds what the server may have named otherwise', async () => {
    const contents = contentsOf(
      ...['a.txt', 'a (1).txt', 'a (12).txt', 'a (x).txt', 'a (2).txt/'],
      ...['b (1).tar.gz', 'b.tar (1).gz', '.c (1)', 'd (1).v2.txt', 'e (1)']
    );
    const names = ['a.txt', 'b.tar.gz', '.c', 'd.v2.txt', 'e'];
    const { beside } = await findTaken(
      names.map(name => item(name)),
      '',
      contents
    );
    expect(beside.map(each => [each.item.relativePath, each.path])).toEqual([
      ['a.txt', 'a (1).txt'],
      ['a.txt', 'a (12).txt'],
      ['b.tar.gz', 'b (1).tar.gz'],
      ['.c', '.c (1)'],
      ['e', 'e (1)']
    ]);
  });

  it('takes no file of the batch for another with a number', async () => {
    const contents = contentsOf('a.txt', 'a (1).txt');
    const items = [item('a.txt'), item('a (1).txt')];
    const { beside } = await findTaken(items, '', contents);
    expect(beside).toEqual([]);
  });

  it('lists each of very many folders once, a few at a time', async () => {
    const folders = Array.from({ length: 1000 }, (_, n) => `d/${n}`);
    const asked = new Map<string, number>();
    let open = 0;
    let peak = 0;
    const children = (path: string) =>
      path === 'd'
        ? folders.map((_, n) => ({ name: `${n}`, type: 'directory' }))
        : Array.from({ length: 100 }, (_, n) => ({ name: `${n}.jpg` }));
    const contents = {
      get: async (path: string) => {
        asked.set(path, (asked.get(path) ?? 0) + 1);
        peak = Math.max(peak, ++open);
        await new Promise(resolve => setTimeout(resolve));
        open -= 1;
        return path === ''
          ? { content: [{ name: 'd', type: 'directory' }] }
          : { content: children(path) };
      }
    } as any;
    const { file } = item('x');
    const items = folders.flatMap(folder =>
      Array.from(
        { length: 100 },
        (_, n) => new FileItem(file, `${folder}/${n}.jpg`)
      )
    );
    const { taken } = await findTaken(items, '', contents);
    expect(taken).toHaveLength(100_000);
    expect(taken[99_999].item).toBe(items[99_999]);
    expect([...asked.keys()].sort()).toEqual(['', 'd', ...folders].sort());
    expect(Math.max(...asked.values())).toBe(1);
    expect(peak).toBe(4);
  });
});
