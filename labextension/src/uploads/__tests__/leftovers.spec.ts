import type { UploadBatch } from '../batch';
import { Hasher } from '../hasher';
import { FileItem } from '../fileitem';
import { bytesOf, item, until, useBed } from './testbed';

const MIB = 1024 * 1024;

// A hang guard, not a limit: the machine may be busy.
jest.setTimeout(180_000);

describe('what an earlier page left', () => {
  const bed = useBed({ hasher: new Hasher(() => 'never') });
  const options = { destination: 'data' };

  /** Send a part of `given`, then close the page. */
  async function leave(given: FileItem): Promise<void> {
    const batch = bed.uploader.upload([given], options);
    await until(() => batch.bytesDone > 0 && bed.traces.traces.size > 0);
    bed.uploader.dispose();
    await until(() => (batch as UploadBatch).connections === 0);
    expect(bed.server.files.size).toBe(0);
    bed.uploader = bed.open();
    await bed.uploader.lookBack();
  }

  it.each([8 * MIB, 64 * MIB])(
    'goes on when a file of %d bytes is given again',
    async size => {
      const data = bytesOf(size);
      await leave(item('d/big.bin', data));
      const [left] = bed.uploader.leftovers;
      expect(left).toMatchObject({
        name: 'big.bin',
        destination: 'data',
        size,
        canReopen: false
      });
      expect(left.offset).toBeGreaterThan(0);
      const sent = [...bed.server.uploads.values()];
      const batch = bed.uploader.upload([item('d/big.bin', data)], options);
      await until(() => bed.uploader.leftovers.length === 0);
      await batch.finished;
      expect(bed.server.files.get('data/d/big.bin')?.equals(data)).toBe(true);
      expect(bed.server.files.size).toBe(1);
      sent.forEach(upload => {
        expect(bed.server.uploads.get(upload.id)).toBe(upload);
        expect(upload.data.length).toBe(upload.length);
      });
      expect(bed.traces.traces.size).toBe(0);
    }
  );

  it('tells a file from others', async () => {
    await leave(item('a/x', bytesOf(8 * MIB)));
    const other = bytesOf(8 * MIB).reverse();
    const batch = bed.uploader.upload([item('b/x', other)], options);
    const moved = bed.uploader.upload([item('a/x', bytesOf(8 * MIB))], {
      destination: 'elsewhere'
    });
    await batch.finished;
    await moved.finished;
    expect(bed.server.files.get('data/b/x')?.equals(other)).toBe(true);
    expect(bed.server.files.has('elsewhere/a/x')).toBe(true);
    expect(bed.uploader.leftovers).toHaveLength(1);
  });

  it('is forgotten when the server has forgotten it', async () => {
    const batch = bed.uploader.upload([item('x', bytesOf(8 * MIB))], options);
    await until(() => batch.bytesDone > 0 && bed.traces.traces.size > 0);
    bed.uploader.dispose();
    bed.server.uploads.clear();
    bed.uploader = bed.open();
    await bed.uploader.lookBack();
    expect(bed.uploader.leftovers).toEqual([]);
    expect(bed.traces.traces.size).toBe(0);
  });

  it('can be given up', async () => {
    await leave(item('x', bytesOf(8 * MIB)));
    await bed.uploader.discard(bed.uploader.leftovers[0].id);
    expect(bed.uploader.leftovers).toEqual([]);
    expect(bed.traces.traces.size).toBe(0);
    expect(bed.server.uploads.size).toBe(0);
  });

  it('goes on by one click where the browser kept a handle', async () => {
    const data = bytesOf(8 * MIB);
    const { file } = item('x', data);
    const requestPermission = jest.fn(async () => 'granted');
    const handle = { getFile: async () => file, requestPermission } as any;
    await leave(new FileItem(file, 'x', Promise.resolve(handle)));
    expect(bed.uploader.leftovers[0].canReopen).toBe(true);
    const [{ id }] = bed.uploader.leftovers;
    const { items } = await bed.uploader.reopen(id);
    expect(bed.uploader.leftovers).toHaveLength(1);
    const batch = bed.uploader.upload(items, { ...options, goesOn: id });
    expect(bed.uploader.leftovers).toEqual([]);
    await batch.finished;
    expect(requestPermission).toHaveBeenCalled();
    expect(bed.server.files.get('data/x')?.equals(data)).toBe(true);
    expect(bed.server.files.size).toBe(1);
  });

  it('is not gone on with when the file is another by now', async () => {
    const { file } = item('x', bytesOf(8 * MIB));
    const other = item('x', bytesOf(9 * MIB)).file;
    const handle = {
      getFile: async () => other,
      requestPermission: async () => 'granted'
    } as any;
    await leave(new FileItem(file, 'x', Promise.resolve(handle)));
    await expect(
      bed.uploader.reopen(bed.uploader.leftovers[0].id)
    ).rejects.toMatchObject({
      code: 'source_changed'
    });
  });

  it('is nothing when all arrived or was cancelled', async () => {
    const batch = bed.uploader.upload([item('x', bytesOf(8 * MIB))], options);
    await batch.finished;
    const other = bed.uploader.upload([item('y', bytesOf(8 * MIB))], options);
    await until(() => other.bytesDone > 0);
    await other.cancel();
    expect(bed.traces.traces.size).toBe(0);
  });
});
