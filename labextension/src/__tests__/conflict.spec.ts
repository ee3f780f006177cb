import { findTaken } from '../conflict';
import { contentsOf, item } from './samples';

describe('findTaken', () => {
  it('finds names that are taken, with size and date', async () => {
    const contents = contentsOf('data/', 'data/a.csv');
    const taken = await findTaken(
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
    const taken = await findTaken(
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
    expect(await findTaken(items, '', contents)).toEqual([]);
    expect(contents.get).toHaveBeenCalledTimes(1);
  });

  it('does not take a folder for a file of the same name', async () => {
    const contents = contentsOf('a/');
    expect(await findTaken([item('a')], '', contents)).toEqual([]);
  });

  it('leaves it to the server when a folder cannot be read', async () => {
    const contents = contentsOf();
    expect(await findTaken([item('a')], 'gone', contents)).toEqual([]);
  });
});
