import type { UploadBatch } from '../batch';
import { Hasher } from '../hasher';
import { FileItem } from '../fileitem';
import { Uploader } from '../uploader';
import { MemoryTraces } from './memorytraces';
import { bytesOf, item, QUICK, quiet, settingsFor, until } from './testbed';
import { TusServer } from './tusserver';

const MIB = 1024 * 1024;

// A hang guard, not a limit: the machine may be busy.
jest.setTimeout(180_000);

describe('what an earlier page left', () => {
  let server: TusServer;
  let traces: MemoryTraces;
  let page: Uploader;
  const options = { destination: 'data' };

  const openPage = () =>
    new Uploader({
      serverSettings: settingsFor(server),
      timing: QUICK,
      hasher: new Hasher(() => 'never'),
      traces
    });

  /** Send a part of `given`, then close the page. */
  async function leave(given: FileItem): Promise<void> {
    const batch = page.upload([given], options);
    await until(() => batch.bytesDone > 0 && traces.traces.size > 0);
    page.dispose();
    await until(() => (batch as UploadBatch).connections === 0);
    expect(server.files.size).toBe(0);
    page = openPage();
    await page.lookBack();
  }

  beforeEach(async () => {
    quiet();
    server = new TusServer();
    await server.start();
    traces = new MemoryTraces();
    page = openPage();
  });

  afterEach(async () => {
    page.dispose();
    await server.kill();
    jest.restoreAllMocks();
  });

  it.each([8 * MIB, 64 * MIB])(
    'goes on when a file of %d bytes is given again',
    async size => {
      const data = bytesOf(size);
      await leave(item('d/big.bin', data));
      const [left] = page.leftovers;
      expect(left).toMatchObject({
        name: 'big.bin',
        destination: 'data',
        size,
        canReopen: false
      });
      expect(left.offset).toBeGreaterThan(0);
      const sent = [...server.uploads.values()];
      const batch = page.upload([item('d/big.bin', data)], options);
      await until(() => page.leftovers.length === 0);
      await batch.finished;
      expect(server.files.get('data/d/big.bin')?.equals(data)).toBe(true);
      expect(server.files.size).toBe(1);
      sent.forEach(upload => {
        expect(server.uploads.get(upload.id)).toBe(upload);
        expect(upload.data.length).toBe(upload.length);
      });
      expect(traces.traces.size).toBe(0);
    }
  );

  it('tells a file from others', async () => {
    await leave(item('a/x', bytesOf(8 * MIB)));
    const other = bytesOf(8 * MIB).reverse();
    const batch = page.upload([item('b/x', other)], options);
    const moved = page.upload([item('a/x', bytesOf(8 * MIB))], {
      destination: 'elsewhere'
    });
    await batch.finished;
    await moved.finished;
    expect(server.files.get('data/b/x')?.equals(other)).toBe(true);
    expect(server.files.has('elsewhere/a/x')).toBe(true);
    expect(page.leftovers).toHaveLength(1);
  });

  it('is forgotten when the server has forgotten it', async () => {
    const batch = page.upload([item('x', bytesOf(8 * MIB))], options);
    await until(() => batch.bytesDone > 0 && traces.traces.size > 0);
    page.dispose();
    server.uploads.clear();
    page = openPage();
    await page.lookBack();
    expect(page.leftovers).toEqual([]);
    expect(traces.traces.size).toBe(0);
  });

  it('can be given up', async () => {
    await leave(item('x', bytesOf(8 * MIB)));
    await page.discard(page.leftovers[0].id);
    expect(page.leftovers).toEqual([]);
    expect(traces.traces.size).toBe(0);
    expect(server.uploads.size).toBe(0);
  });

  it('goes on by one click where the browser kept a handle', async () => {
    const data = bytesOf(8 * MIB);
    const { file } = item('x', data);
    const requestPermission = jest.fn(async () => 'granted');
    const handle = { getFile: async () => file, requestPermission } as any;
    await leave(new FileItem(file, 'x', Promise.resolve(handle)));
    expect(page.leftovers[0].canReopen).toBe(true);
    const [{ id }] = page.leftovers;
    const { items } = await page.reopen(id);
    expect(page.leftovers).toHaveLength(1);
    const batch = page.upload(items, { ...options, goesOn: id });
    expect(page.leftovers).toEqual([]);
    await batch.finished;
    expect(requestPermission).toHaveBeenCalled();
    expect(server.files.get('data/x')?.equals(data)).toBe(true);
    expect(server.files.size).toBe(1);
  });

  it('is not gone on with when the file is another by now', async () => {
    const { file } = item('x', bytesOf(8 * MIB));
    const other = item('x', bytesOf(9 * MIB)).file;
    const handle = {
      getFile: async () => other,
      requestPermission: async () => 'granted'
    } as any;
    await leave(new FileItem(file, 'x', Promise.resolve(handle)));
    await expect(page.reopen(page.leftovers[0].id)).rejects.toMatchObject({
      code: 'source_changed'
    });
  });

  it('is nothing when all arrived or was cancelled', async () => {
    const batch = page.upload([item('x', bytesOf(8 * MIB))], options);
    await batch.finished;
    const other = page.upload([item('y', bytesOf(8 * MIB))], options);
    await until(() => other.bytesDone > 0);
    await other.cancel();
    expect(traces.traces.size).toBe(0);
  });
});
