import { FileItem } from '../fileitem';
import type { IUploadBatch, IUploadItem } from '../tokens';
import type { Uploader } from '../uploader';
import { bytesOf, item, until, useBed } from './testbed';

const MIB = 1024 * 1024;

// A hang guard, not a limit: the machine may be busy.
jest.setTimeout(60_000);

describe('packs', () => {
  const bed = useBed();

  const many = (count: number, size = 0) =>
    Array.from({ length: count }, (_, n) =>
      item(`photos/${n % 7}/${n}.jpg`, size ? bytesOf(size + n) : `nr ${n}`)
    );

  async function send(
    items: IUploadItem[],
    options: Partial<Parameters<Uploader['upload']>[1]> = {}
  ): Promise<IUploadBatch> {
    const batch = bed.uploader.upload(items, {
      destination: 'data',
      ...options
    });
    await batch.finished;
    return batch;
  }

  async function expectArrived(items: readonly FileItem[]): Promise<void> {
    for (const { relativePath, file } of items) {
      const there = bed.server.files.get(`data/${relativePath}`);
      expect(there?.length).toBe(file.size);
      const bytes = await read(file);
      expect([relativePath, there?.equals(bytes)]).toEqual([
        relativePath,
        true
      ]);
      expect(bed.server.mtimes.get(`data/${relativePath}`)).toBe(
        1_700_000_000_123
      );
    }
  }

  it('sends many small files in few requests, byte for byte', async () => {
    const items = many(600);
    const batch = await send(items);
    expect(batch.state).toBe('done');
    expect(batch.filesDone).toBe(600);
    expect(batch.bytesDone).toBe(batch.bytesTotal);
    expect(batch.results).toHaveLength(600);
    expect(bed.server.log.length).toBeLessThan(20);
    await expectArrived(items);
  });

  it('keeps names of any length and language, and odd times', async () => {
    const items = [
      item(`${'d'.repeat(90)}/${'e'.repeat(90)}/Ünï 日本 🎉.txt`, 'x'),
      item('empty', ''),
      ...many(10, 700)
    ];
    await send(items);
    await expectArrived(items);
  });

  it('sends large files one by one beside a pack', async () => {
    const items = [...many(9), item('big.bin', bytesOf(2 * MIB)), ...many(9)];
    items.splice(10, 9);
    const batch = await send(items);
    expect(batch.state).toBe('done');
    await expectArrived(items);
    const kinds = [...bed.server.uploads.values()].map(u => !!u.metadata.pack);
    expect(kinds.sort()).toEqual([false, true]);
  });

  it('goes on in the middle of a pack', async () => {
    const items = many(60, 40_000);
    bed.server.cutAfter = MIB + 77;
    const batch = await send(items);
    expect(batch.state).toBe('done');
    expect(bed.server.uploads.size).toBe(1);
    await expectArrived(items);
    expect(batch.bytesDone).toBe(batch.bytesTotal);
  });

  it('tells failed, skipped and renamed files from the others', async () => {
    bed.server.files.set('data/photos/1/1.jpg', Buffer.from('old'));
    bed.server.refused.add('photos/2/2.jpg');
    const skipping = await send(many(20), { conflict: 'skip' });
    expect(skipping.state).toBe('failed');
    expect([skipping.filesDone, skipping.filesSkipped]).toEqual([19, 1]);
    expect(skipping.failures).toMatchObject([
      {
        item: { relativePath: 'photos/2/2.jpg' },
        error: { code: 'invalid_path' }
      }
    ]);
    const paths: Array<string | null> = [];
    const renaming = await send(many(20), {
      onFile: (_, path) => paths.push(path)
    });
    expect(paths[1]).toBe('data/photos/1/1.jpg (1)');
    // What was skipped before was not there yet.
    expect(renaming.renamed).toContain('data/photos/1/1.jpg (1)');
    expect(renaming.renamed.every(path => path.endsWith(' (1)'))).toBe(true);
    expect(bed.server.files.get('data/photos/1/1.jpg')?.toString()).toBe('old');
  });

  it('sends again what was refused', async () => {
    bed.server.refused.add('photos/2/2.jpg');
    const items = many(20);
    const batch = await send(items);
    expect([batch.filesDone, batch.filesFailed]).toEqual([19, 1]);
    bed.server.refused.clear();
    batch.retry();
    await batch.finished;
    expect(batch.state).toBe('done');
    expect(batch.filesDone).toBe(20);
    await expectArrived(items);
    expect(bed.server.files.size).toBe(20);
  });

  it('loses only the file that changed on the way', async () => {
    const items = many(60, 40_000);
    const bad = items[30].file;
    // The browser reports it as a broken connection, in the middle of the pack.
    const readAsArrayBuffer = FileReader.prototype.readAsArrayBuffer;
    jest
      .spyOn(FileReader.prototype, 'readAsArrayBuffer')
      .mockImplementation(function (this: FileReader, blob: Blob) {
        if ((blob as any).isBad) {
          setTimeout(() => this.onerror?.(new ProgressEvent('error') as any));
        } else {
          readAsArrayBuffer.call(this, blob);
        }
      });
    const slice = bad.slice.bind(bad);
    bad.slice = (...range) => Object.assign(slice(...range), { isBad: true });
    bed.server.cutAfter = 31 * 41_500;
    const batch = await send(items);
    expect(batch.state).toBe('failed');
    expect(batch.failures).toHaveLength(1);
    expect(batch.failures[0].item).toBe(items[30]);
    expect(batch.failures[0].error.code).toBe('source_changed');
    expect(batch.filesDone).toBe(59);
    await expectArrived(items.filter(each => each !== items[30]));
    // Nothing was sent twice.
    expect(bed.server.files.size).toBe(59);
    expect(bed.server.count('DELETE')).toBe(1);
  });

  it('sends nothing twice when the server forgot the pack', async () => {
    const items = many(60, 40_000);
    bed.server.fault = (verb, request, response, upload) => {
      if (verb === 'PATCH' && upload && upload.packed.length > 10) {
        bed.server.fault = null;
        bed.server.uploads.clear();
      }
    };
    const batch = await send(items);
    expect(batch.state).toBe('done');
    expect(bed.server.files.size).toBe(60);
    await expectArrived(items);
  });

  it('sends file by file where the server knows no packs', async () => {
    bed.server.packs = false;
    const items = many(20);
    const batch = await send(items);
    expect(batch.state).toBe('done');
    await expectArrived(items);
    const again = await send(many(20), { conflict: 'overwrite' });
    expect(again.state).toBe('done');
    // It learned: one attempt for the page.
    const packs = bed.server.requests.filter(request =>
      String(request.headers['upload-metadata']).startsWith('pack')
    );
    expect(packs).toHaveLength(1);
  });

  it('leaves out a file that cannot be opened', async () => {
    const items: IUploadItem[] = many(20);
    const gone = new DOMException('gone', 'NotFoundError');
    items[3] = {
      relativePath: 'photos/3/3.jpg',
      size: null,
      open: () => Promise.reject(gone)
    };
    const batch = await send(items);
    expect([batch.filesDone, batch.filesFailed]).toEqual([19, 1]);
    expect(batch.failures[0].error.code).toBe('source_changed');
  });

  it('pauses and resumes in the middle of a pack', async () => {
    const items = many(120, 40_000);
    const batch = bed.uploader.upload(items, { destination: 'data' });
    await until(() => batch.filesDone > 0);
    batch.pause();
    await until(() => bed.uploader.batches[0].state === 'paused');
    batch.resume();
    await batch.finished;
    await expectArrived(items);
    expect(bed.server.uploads.size).toBe(1);
  });

  function read(blob: Blob): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const reader = new FileReader();
      reader.onload = () => resolve(Buffer.from(reader.result as ArrayBuffer));
      reader.onerror = reject;
      reader.readAsArrayBuffer(blob);
    });
  }
});
