import { webcrypto } from 'crypto';
import { nativeDigest } from '../digest';
import { Hasher } from '../hasher';
import type { IUploadItem } from '../tokens';
import { bytesOf, item, useBed } from './testbed';

const MIB = 1024 * 1024;

// A hang guard, not a limit: the machine may be busy.
jest.setTimeout(60_000);

/** Node's, fed with bytes of its own realm. */
const digest = nativeDigest({
  digest: (name: string, data: ArrayBuffer) =>
    webcrypto.subtle.digest(name, Buffer.from(data))
} as unknown as SubtleCrypto);

describe('checksums', () => {
  const bed = useBed({ hasher: new Hasher(() => 'always', digest) });

  const bodies = () =>
    bed.server.requests.filter(
      r => Number(r.headers['content-length'] ?? 0) > 0
    );

  async function send(...items: IUploadItem[]): Promise<void> {
    const batch = bed.uploader.upload(items, { destination: '' });
    await batch.finished;
    expect(batch.error).toBeNull();
  }

  it('go with each piece', async () => {
    const data = bytesOf(5 * MIB);
    await send(item('a', data), item('b', 'small'));
    expect(bed.server.files.get('a')?.equals(data)).toBe(true);
    expect(bodies().length).toBeGreaterThan(3);
    for (const { headers } of bodies()) {
      expect(headers['upload-checksum']).toMatch(/^sha256 [\w+/]{43}=$/);
    }
  });

  it.each([0, 2 * MIB])(
    'have a piece sent again that was spoilt behind byte %d',
    async after => {
      const data = bytesOf(5 * MIB);
      bed.server.fault = (verb, request, response, upload) => {
        if (upload && upload.data.length >= after) {
          bed.server.fault = null;
          bed.server.spoils = true;
        }
      };
      await send(item('a', data));
      expect(bed.server.files.get('a')?.equals(data)).toBe(true);
      const sent = bodies().reduce(
        (sum, { headers }) => sum + Number(headers['content-length']),
        0
      );
      // That piece, not the file.
      expect(sent).toBeGreaterThan(data.length);
      expect(sent).toBeLessThan(2 * data.length);
    }
  );

  it('are left out where they would slow the line down', async () => {
    const hasher = new Hasher(() => 'auto', digest);
    expect(hasher.limit(1e9)).toBeLessThan(Infinity);
    // The way to the thread and back says nothing of how fast it hashes.
    await hasher.checksum(new Blob([new Uint8Array(1000)]));
    expect(hasher.limit(1e9)).toBeLessThan(Infinity);
    await hasher.checksum(new Blob([new Uint8Array(MIB)]));
    expect(hasher.limit(1e9)).toBe(Infinity);
    expect(hasher.limit(1e-9)).toBeLessThan(Infinity);
  });

  it('are not left out because a thread was slow to start', async () => {
    let isStarted = false;
    const slow: typeof digest = async blob => {
      await new Promise(resolve => setTimeout(resolve, isStarted ? 0 : 500));
      isStarted = true;
      return digest!(blob);
    };
    const hasher = new Hasher(() => 'auto', slow);
    await hasher.checksum(new Blob([new Uint8Array(MIB)]));
    // 4 MiB a second: with its start it would be slower than four times that.
    expect(hasher.limit((4 * MIB) / 1000)).toBeLessThan(Infinity);
  });

  it('are left out where the page has none, or a person wants none', () => {
    expect(new Hasher(() => 'always', null).limit(0)).toBe(Infinity);
    expect(new Hasher(() => 'never', digest).limit(0)).toBe(Infinity);
  });
});
