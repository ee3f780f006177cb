import type { UploadBatch } from '../batch';
import { Hasher } from '../hasher';
import type { IFolderRoots } from '../tokens';
import { rootFor } from './drops';
import { bytesOf, item, until, useBed } from './testbed';

const KIB = 1024;

// A hang guard, not a limit: the machine may be busy.
jest.setTimeout(180_000);

describe('a folder that an earlier page left', () => {
  const bed = useBed({ hasher: new Hasher(() => 'never') });

  const many = (count = 60) =>
    Array.from({ length: count }, (_, n) =>
      item(`photos/${n}.jpg`, bytesOf(200 * KIB + n))
    );

  /** Send a part of a folder, then close the page. */
  async function leave(roots: IFolderRoots | null = null): Promise<void> {
    const options = { destination: '/data/', roots };
    const batch = bed.uploader.upload(many(), options) as UploadBatch;
    await until(() => batch.filesDone > 3);
    bed.uploader.dispose();
    await until(() => batch.connections === 0 && bed.server.open === 0);
    // What is noted is written one after the other.
    await until(() =>
      [...bed.traces.traces.values()].some(t => t.urls.length > 0)
    );
    bed.uploader = bed.open();
    await bed.uploader.lookBack();
  }

  /** What of the folder is not there yet, as whoever drops it again finds out. */
  const rest = () =>
    many().filter(each => !bed.server.files.has(`data/${each.relativePath}`));

  it('is told', async () => {
    await leave();
    expect(bed.uploader.leftovers).toMatchObject([
      {
        name: 'photos',
        destination: 'data',
        canReopen: false,
        folder: { filesTotal: 60 }
      }
    ]);
  });

  it('goes on in the middle when it is given again', async () => {
    await leave();
    const [old] = [...bed.server.uploads.values()];
    const left = rest();
    expect(left.length).toBeLessThan(57);
    const batch = bed.uploader.upload(left, { destination: 'data' });
    await until(() => bed.uploader.leftovers.length === 0);
    await batch.finished;
    expect(bed.server.files.size).toBe(60);
    for (const { relativePath, file } of many()) {
      const there = bed.server.files.get(`data/${relativePath}`);
      expect(there?.length).toBe(file.size);
    }
    // The server keeps no bytes for the page that is gone.
    await until(() => !bed.server.uploads.has(old.id));
    await until(() => bed.traces.traces.size === 0);
  });

  it('counts what was there before as done', async () => {
    await leave();
    const left = rest();
    const batch = bed.uploader.upload(left, { destination: 'data' });
    await until(() => batch.bytesDone > 0);
    bed.uploader.dispose();
    await until(() => (batch as UploadBatch).connections === 0);
    bed.uploader = bed.open();
    await bed.uploader.lookBack();
    const [{ folder }] = bed.uploader.leftovers;
    expect(folder!.filesTotal).toBe(60);
    expect(folder!.filesDone).toBeGreaterThanOrEqual(60 - left.length);
  });

  it('is another one elsewhere, and by another name', async () => {
    await leave();
    const others = Array.from({ length: 9 }, (_, n) => item(`d/${n}`, 'x'));
    await bed.uploader.upload(others, { destination: 'data' }).finished;
    await bed.uploader.upload(many(9), { destination: 'elsewhere' }).finished;
    expect(bed.uploader.leftovers).toHaveLength(1);
  });

  it('lets the server free what it keeps for it', async () => {
    await leave();
    expect(bed.server.uploads.size).toBeGreaterThan(0);
    await bed.uploader.giveBack(bed.uploader.leftovers[0].id);
    expect(bed.server.uploads.size).toBe(0);
    expect(bed.uploader.leftovers).toHaveLength(1);
  });

  it('can be given up', async () => {
    await leave();
    await bed.uploader.discard(bed.uploader.leftovers[0].id);
    expect(bed.uploader.leftovers).toEqual([]);
    expect(bed.traces.traces.size).toBe(0);
    expect(bed.server.uploads.size).toBe(0);
  });

  it('is nothing when it arrived or was cancelled', async () => {
    const arrived = bed.uploader.upload(many(9), { destination: '' });
    await arrived.finished;
    const given = bed.uploader.upload(many(), { destination: 'data' });
    await until(() => given.bytesDone > 0);
    await given.cancel();
    await until(() => bed.traces.traces.size === 0);
    bed.uploader = bed.open();
    await bed.uploader.lookBack();
    expect(bed.uploader.leftovers).toEqual([]);
  });

  it('is forgotten after a week', async () => {
    await leave();
    jest.spyOn(Date, 'now').mockReturnValue(Date.now() + 8 * 24 * 3600 * 1000);
    bed.uploader.dispose();
    bed.uploader = bed.open();
    await bed.uploader.lookBack();
    expect(bed.uploader.leftovers).toEqual([]);
    expect(bed.traces.traces.size).toBe(0);
  });

  it('is opened again where the browser kept it', async () => {
    const tree = { 'a.jpg': 'A', sub: { 'b.jpg': 'B' }, '.DS_Store': 'x' };
    const root = rootFor('photos', tree);
    await leave({ handles: [root], files: 2 });
    const [{ id, canReopen }] = bed.uploader.leftovers;
    expect(canReopen).toBe(true);
    const { items } = await bed.uploader.reopen(id);
    expect(items.map(each => each.relativePath)).toEqual([
      'photos/a.jpg',
      'photos/sub/b.jpg'
    ]);
    expect(await (await items[1].open()).text()).toBe('B');
  });

  it.each([
    ['lacks files', 'granted', 3],
    ['is not for us', 'denied', 2]
  ] as const)('is asked for where the one kept %s', async (_, state, files) => {
    const root = rootFor('photos', { 'a.jpg': 'A', 'b.jpg': 'B' }, state);
    await leave({ handles: [root], files });
    const [{ id }] = bed.uploader.leftovers;
    await expect(bed.uploader.reopen(id)).rejects.toMatchObject({
      code: 'source_changed'
    });
    expect(bed.uploader.leftovers).toHaveLength(1);
  });
});
