import { ServerConnection } from '@jupyterlab/services';
import { createHash, webcrypto } from 'crypto';
import { findSame } from '../same';
import type { Digest } from '../uploads';
import { FileItem, Uploader } from '../uploads';
import { nativeDigest } from '../uploads/digest';
import type { IUploadItem } from '../uploads/tokens';

const MIB = 1024 * 1024;

/** A file of jsdom: its reader takes no other. */
function item(content: string, size: number, modified: string): FileItem {
  const file = Object.assign(new Blob([content.repeat(size)]), {
    name: 'a.bin',
    lastModified: Date.parse(modified)
  });
  return new FileItem(file as unknown as File, 'd/a.bin');
}

const base64 = (content: string, size: number) =>
  createHash('sha256').update(content.repeat(size)).digest('base64');

describe('findSame', () => {
  const THERE = '2026-01-01T00:00:00.25Z';
  const OTHER = '2026-02-02T00:00:00Z';
  const digestOf = jest.fn();

  // jsdom's buffers are of another realm.
  const native = nativeDigest({
    digest: (name: string, data: ArrayBuffer) =>
      webcrypto.subtle.digest(name, Buffer.from(data))
  } as unknown as SubtleCrypto);
  const isSame = async (
    mine: IUploadItem,
    size: number | null,
    digest: Digest | null = native
  ) => {
    const path = 'data/d/a.bin';
    const taken = [{ item: mine, path, size, modified: THERE }];
    return (await findSame(taken, { digest, digestOf })).has(mine);
  };

  beforeEach(() => digestOf.mockReset());

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

  it('believes dates on both sides of a full second', async () => {
    const at = async (fraction: string, there: string) => {
      const mine = item('x', 9, `2026-01-01T00:00:0${fraction}Z`);
      const modified = `2026-01-01T00:00:0${there}Z`;
      const taken = [{ item: mine, path: 'a', size: 9, modified }];
      const same = await findSame(taken, { digest: null, digestOf });
      return same.has(mine);
    };
    expect(await at('1', '0.999999')).toBe(true);
    expect(await at('0.999', '1')).toBe(true);
    expect(await at('1', '0.99')).toBe(false);
  });

  it('believes the digest where only the date is another', async () => {
    digestOf.mockResolvedValue(base64('x', MIB));
    expect(await isSame(item('x', MIB, OTHER), MIB)).toBe(true);
    expect(await isSame(item('y', MIB, OTHER), MIB)).toBe(false);
    expect(digestOf.mock.calls).toEqual([['data/d/a.bin'], ['data/d/a.bin']]);
  });

  it('asks for no digest of what is small or of another size', async () => {
    digestOf.mockResolvedValue(base64('x', 9));
    expect(await isSame(item('x', 9, OTHER), 9)).toBe(false);
    expect(await isSame(item('x', MIB, OTHER), MIB + 1)).toBe(false);
    expect(digestOf).not.toHaveBeenCalled();
  });

  it('sends what is not proven the same', async () => {
    digestOf.mockResolvedValueOnce(null);
    expect(await isSame(item('x', MIB, OTHER), MIB)).toBe(false);
    digestOf.mockRejectedValueOnce(new Error('404'));
    expect(await isSame(item('x', MIB, OTHER), MIB)).toBe(false);
    expect(await isSame(item('x', MIB, OTHER), MIB, null)).toBe(false);
  });

  it('has the digest of the worker on pages that have none', async () => {
    const port = {
      onmessage: null as any,
      onerror: null,
      terminate: () => undefined,
      postMessage: ({ id }: { id: number }) => {
        const sum = createHash('sha256').update('x'.repeat(MIB)).digest();
        const result = new Uint8Array(sum).buffer;
        setTimeout(() => port.onmessage({ data: { id, result } }));
      }
    };
    // As jsdom is: without `crypto.subtle`.
    expect(nativeDigest()).toBeNull();
    const serverSettings = ServerConnection.makeSettings();
    const uploader = new Uploader({ serverSettings, spawnWorker: () => port });
    digestOf.mockResolvedValue(base64('x', MIB));
    const mine = item('x', MIB, OTHER);
    expect(await isSame(mine, MIB, uploader.digest)).toBe(true);
    uploader.dispose();
  });

  it('opens what may be the same, a few at a time', async () => {
    let open = 0;
    let peak = 0;
    let opened = 0;
    const { file } = item('x', 9, THERE);
    const make = (size: number | null): IUploadItem => ({
      relativePath: 'a',
      size,
      open: async () => {
        opened += 1;
        peak = Math.max(peak, ++open);
        await new Promise(resolve => setTimeout(resolve));
        open -= 1;
        return file;
      }
    });
    const items = Array.from({ length: 20_000 }, (_, n) =>
      make(n % 2 ? null : 8)
    );
    const there = { path: 'a', size: 9, modified: THERE };
    const same = await findSame(
      items.map(mine => ({ item: mine, ...there })),
      { digest: null, digestOf }
    );
    expect(same.size).toBe(10_000);
    // Those of another size were told by that.
    expect(opened).toBe(10_000);
    expect(peak).toBe(16);
  });
});
