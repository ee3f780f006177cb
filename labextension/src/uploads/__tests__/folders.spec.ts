import type { IUploadBatch, IUploadOptions } from '../tokens';
import { item, statesOf, useBed } from './testbed';

// A hang guard, not a limit: the machine may be busy.
jest.setTimeout(60_000);

describe('folders without files', () => {
  const bed = useBed();

  async function send(
    names: readonly string[],
    options: Partial<IUploadOptions>
  ): Promise<IUploadBatch> {
    const items = names.map(name => item(name, name));
    const batch = bed.uploader.upload(items, {
      destination: 'data',
      ...options
    });
    await batch.finished;
    return batch;
  }

  it('are made with the files, in one upload of their own', async () => {
    const emptyFolders = ['d/e', `d/${'ü'.repeat(90)}/日本`, 'd/f'];
    const batch = await send(['d/a', 'd/b'], { emptyFolders });
    expect(batch.state).toBe('done');
    expect([batch.filesDone, batch.filesTotal]).toEqual([2, 2]);
    expect(batch.bytesDone).toBe(batch.bytesTotal);
    expect(batch.results.sort()).toEqual(['data/d/a', 'data/d/b']);
    expect([...bed.server.folders]).toEqual(emptyFolders.map(f => `data/${f}`));
    expect([...bed.server.files.keys()].sort()).toEqual([
      'data/d/a',
      'data/d/b'
    ]);
    const packs = [...bed.server.uploads.values()].filter(u => u.metadata.pack);
    expect(packs).toHaveLength(1);
    // One request that brings them, one that asks what became of them.
    expect(bed.server.log.length).toBe(2 + 2);
  });

  it('are made where there are no files at all', async () => {
    const batch = bed.uploader.upload([], {
      destination: 'data',
      emptyFolders: ['a/b', 'a/c']
    });
    expect(batch.name).toBe('a');
    expect(await statesOf(bed.uploader, batch)).toContain('done');
    expect(batch.state).toBe('done');
    expect(batch.results).toEqual(['data/a/b', 'data/a/c']);
    expect([...bed.server.folders]).toEqual(['data/a/b', 'data/a/c']);
  });

  it('are made however many there are', async () => {
    const emptyFolders = Array.from({ length: 5000 }, (_, n) => `d/${n}`);
    await send([], { emptyFolders });
    expect(bed.server.folders.size).toBe(5000);
    expect(bed.server.log.length).toBeLessThan(20);
  });

  it('go on when the connection breaks', async () => {
    const emptyFolders = Array.from({ length: 2000 }, (_, n) => `d/${n}`);
    bed.server.cutAfter = 512 * 700;
    const batch = await send(['a'], { emptyFolders });
    expect(batch.state).toBe('done');
    expect(bed.server.folders.size).toBe(2000);
  });

  it('are begun anew when the server forgot them', async () => {
    bed.server.fault = (verb, request, response, upload) => {
      if (verb === 'PATCH' && upload?.metadata.pack) {
        bed.server.fault = null;
        bed.server.uploads.clear();
      }
    };
    const emptyFolders = Array.from({ length: 2000 }, (_, n) => `d/${n}`);
    const batch = await send(['a'], { emptyFolders });
    expect(batch.state).toBe('done');
    expect(bed.server.folders.size).toBe(2000);
  });

  it('are told when they cannot be made, and the files arrive', async () => {
    bed.server.refused.add('d/e/');
    const failed: string[] = [];
    const batch = await send(['d/a'], {
      emptyFolders: ['d/e', 'd/f'],
      onFolderFailed: path => failed.push(path)
    });
    expect(batch.state).toBe('done');
    expect(failed).toEqual(['d/e']);
    expect([...bed.server.folders]).toEqual(['data/d/f']);
    expect([...bed.server.files.keys()]).toEqual(['data/d/a']);
  });

  it('are told where the server knows no packs, and the files arrive', async () => {
    bed.server.packs = false;
    const failed: string[] = [];
    const batch = await send(['d/a'], {
      emptyFolders: ['d/e', 'd/f'],
      onFolderFailed: path => failed.push(path)
    });
    expect(batch.state).toBe('done');
    expect(failed).toEqual(['d/e', 'd/f']);
    expect([...bed.server.files.keys()]).toEqual(['data/d/a']);
  });

  it('wait with the files where a person must act first', async () => {
    bed.server.fault = (verb, request, response) => {
      request.resume();
      const error = { code: 'disk_full', message: 'Full.' };
      response.writeHead(507).end(JSON.stringify({ error }));
      return true;
    };
    const batch = await send(['d/a'], { emptyFolders: ['d/e'] });
    expect([batch.state, batch.error?.code]).toEqual(['failed', 'disk_full']);
    bed.server.fault = null;
    batch.retry();
    await batch.finished;
    expect(batch.state).toBe('done');
    expect([...bed.server.folders]).toEqual(['data/d/e']);
    expect([...bed.server.files.keys()]).toEqual(['data/d/a']);
  });
});
