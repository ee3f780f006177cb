import { createHash, webcrypto } from 'crypto';
import { findSame } from '../same';
import { FileItem } from '../uploads';

const MIB = 1024 * 1024;

/** A file of jsdom: its reader takes no other. */
function item(content: string, size: number, modified: string): FileItem {
  const file = Object.assign(new Blob([content.repeat(size)]), {
    name: 'a.bin',
    lastModified: Date.parse(modified)
  });
  return new FileItem(file as unknown as File, 'd/a.bin');
}

const digest = (content: string, size: number) =>
  createHash('sha256').update(content.repeat(size)).digest('base64');

describe('findSame', () => {
  const THERE = '2026-01-01T00:00:00.25Z';
  const OTHER = '2026-02-02T00:00:00Z';
  const digestOf = jest.fn();

  const isSame = async (mine: FileItem, size: number | null) => {
    const path = 'data/d/a.bin';
    const taken = [{ item: mine, path, size, modified: THERE }];
    return (await findSame(taken, digestOf)).has(mine);
  };

  beforeEach(() => {
    digestOf.mockReset();
    // jsdom's buffers are of another realm.
    const subtle = {
      digest: (name: string, data: ArrayBuffer) =>
        webcrypto.subtle.digest(name, Buffer.from(data))
    };
    Object.defineProperty(globalThis, 'crypto', {
      value: { subtle },
      configurable: true
    });
  });

  it('believes size and date, as far as both sides keep it', async () => {
    const at = (fraction: string) =>
      item('x', 9, `2026-01-01T00:00:0${fraction}Z`);
    expect(await isSame(at('0.25'), 9)).toBe(true);
    expect(await isSame(at('0.251'), 9)).toBe(true);
    expect(await isSame(at('0'), 9)).toBe(true);
    expect(await isSame(at('0.9'), 9)).toBe(false);
    expect(await isSame(at('1'), 9)).toBe(false);
    expect(await isSame(item('x', 8, THERE), 9)).toBe(false);
    expect(await isSame(item('x', 9, THERE), null)).toBe(false);
    expect(digestOf).not.toHaveBeenCalled();
  });

  it('believes the digest where only the date is another', async () => {
    digestOf.mockResolvedValue(digest('x', MIB));
    expect(await isSame(item('x', MIB, OTHER), MIB)).toBe(true);
    expect(await isSame(item('y', MIB, OTHER), MIB)).toBe(false);
    expect(digestOf.mock.calls).toEqual([['data/d/a.bin'], ['data/d/a.bin']]);
  });

  it('asks for no digest of what is small or of another size', async () => {
    digestOf.mockResolvedValue(digest('x', 9));
    expect(await isSame(item('x', 9, OTHER), 9)).toBe(false);
    expect(await isSame(item('x', MIB, OTHER), MIB + 1)).toBe(false);
    expect(digestOf).not.toHaveBeenCalled();
  });

  it('sends what is not proven the same', async () => {
    digestOf.mockResolvedValueOnce(null);
    expect(await isSame(item('x', MIB, OTHER), MIB)).toBe(false);
    digestOf.mockRejectedValueOnce(new Error('404'));
    expect(await isSame(item('x', MIB, OTHER), MIB)).toBe(false);
    Object.defineProperty(globalThis, 'crypto', {
      value: {},
      configurable: true
    });
    expect(await isSame(item('x', MIB, OTHER), MIB)).toBe(false);
  });
});
