import { composeTar, END, spanOf } from '../tarpiece';
import { bytesOf, item } from './testbed';
import { readTar } from './tar';

const PATHS = ['d/a', 'd/empty', `${'e'.repeat(120)}/日本.bin`, 'd/block', 'z'];
const SIZES = [700, 0, 1234, 512, 3];

const items = PATHS.map((path, n) => item(path, bytesOf(SIZES[n])));
const files = items.map(each => each.file);
const whole = files.reduce((sum, file, n) => sum + spanOf(PATHS[n], file), END);

async function bytes(from: number, length: number): Promise<Buffer> {
  const blob = composeTar({ paths: PATHS, files, from, length });
  return new Promise(resolve => {
    const reader = new FileReader();
    reader.onload = () => resolve(Buffer.from(reader.result as ArrayBuffer));
    reader.readAsArrayBuffer(blob);
  });
}

describe('composeTar', () => {
  it('makes a tar of its files', async () => {
    const tar = await bytes(0, whole);
    expect(tar.length).toBe(whole);
    expect(readTar(tar).map(({ name }) => name)).toEqual(PATHS);
    expect(readTar(tar).map(({ data }) => data.length)).toEqual(SIZES);
    expect(tar.subarray(-END).every(byte => byte === 0)).toBe(true);
  });

  it('cuts anywhere', async () => {
    const tar = await bytes(0, whole);
    for (let step = 1; step < whole; step = step * 3 + 100) {
      for (let from = 0; from < whole; from += step) {
        const piece = await bytes(from, step);
        const expected = tar.subarray(from, from + step);
        expect([from, step, piece.equals(expected)]).toEqual([
          from,
          step,
          true
        ]);
        if (from / step > 40) {
          break;
        }
      }
    }
  });

  it('ends where the files do, when no more is wanted', async () => {
    expect(await bytes(0, whole - END)).toHaveLength(whole - END);
    expect(await bytes(whole - 10, 10)).toEqual(Buffer.alloc(10));
  });
});
