import { baseName, folderOf, splitName } from '../names';

describe('baseName', () => {
  it.each([
    ['https://example.org/a/b%20c.csv?x=1#y', 'b c.csv'],
    ['https://example.org/', 'example.org'],
    ['https://example.org/data/', 'data'],
    ['s3://bucket/key/x.parquet', 'x.parquet'],
    ['https://example.org/%E0%A4%A', '%E0%A4%A'],
    ['data/what?#.txt', 'what?#.txt'],
    ['100%.txt', '100%.txt'],
    ['data/', 'data']
  ])('of %p is %p', (address, name) => {
    expect(baseName(address)).toBe(name);
  });
});

describe('folderOf', () => {
  it.each([
    ['a/b/c.txt', 'a/b'],
    ['c.txt', ''],
    ['a/b/', 'a']
  ])('of %p is %p', (path, folder) => {
    expect(folderOf(path)).toBe(folder);
  });
});

describe('splitName', () => {
  it('leaves a short name whole', () => {
    expect(splitName('short.csv')).toEqual({ head: 'short.csv', tail: '' });
  });

  it.each([
    ['imagenet-train-part-0042.tar.gz', '042.tar.gz'],
    ['a-very-long-report-final-v2.pdf', 'nal-v2.pdf'],
    ['noextensionatallbutverylong', 'utverylong'],
    ['weights.of-the-model.safetensors', 'odel.safetensors']
  ])('keeps the end of %p', (name, tail) => {
    const parts = splitName(name);
    expect(parts.head + parts.tail).toBe(name);
    expect(name.endsWith(parts.tail)).toBe(true);
    expect(parts.tail.endsWith(tail.slice(tail.lastIndexOf('.')))).toBe(true);
    expect(Array.from(parts.tail).length).toBeLessThan(16);
  });

  it('does not cut a character in two', () => {
    const { head, tail } = splitName('🎉'.repeat(20) + '.png');
    expect(Array.from(head).every(each => each === '🎉')).toBe(true);
    expect(tail.endsWith('🎉.png')).toBe(true);
  });
});
