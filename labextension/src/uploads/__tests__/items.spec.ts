import { FileItem } from '../fileitem';
import { itemsOf, nameOf } from '../items';

const items = (...paths: string[]) =>
  paths.map(relativePath => new FileItem(new File([], 'x'), relativePath));

describe('nameOf', () => {
  it.each([
    [[], ''],
    [['a.txt'], 'a.txt'],
    [['a.txt', 'b.txt', 'c.txt'], 'a.txt + 2'],
    [['d/a.txt'], 'd'],
    [['d/a.txt', 'd/e/b.txt'], 'd'],
    [['d/a.txt', 'd/c.txt', 'd2/b.txt'], 'd + 1'],
    [['d/a.txt', 'd/c.txt', 'e.txt', 'f.txt'], 'd + 2']
  ])('%p: %s', (paths, name) => {
    expect(nameOf(items(...(paths as string[])))).toBe(name);
  });
});

describe('itemsOf', () => {
  it('knows the place of a file in a chosen folder', () => {
    const chosen = (name: string, path: string) =>
      Object.assign(new File([], name), { webkitRelativePath: path });
    const files = [
      chosen('a', 'dir/sub/a'),
      chosen('.DS_Store', 'dir/.DS_Store'),
      chosen('.DS_Store', '')
    ];
    expect(itemsOf(files).map(item => item.relativePath)).toEqual([
      'dir/sub/a',
      '.DS_Store'
    ]);
  });
});
