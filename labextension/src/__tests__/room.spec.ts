import { Format } from '../format';
import { Intake } from '../intake';
import { needOf } from '../need';
import type { IRoom } from '../room';
import { measure, Refusal } from '../room';
import { FileItem } from '../uploads';
import type { ILeftover, IUploadItem } from '../uploads';
import { entriesOf, makeDrop } from '../uploads/__tests__/drops';
import { contentsOf, dialogShown, press } from './samples';

const MB = 1024 * 1024;

/** A file that states its size without having the bytes. */
function sized(relativePath: string, size: number): FileItem {
  const name = relativePath.split('/').pop()!;
  const file = Object.defineProperty(new File([], name), 'size', {
    value: size
  });
  return new FileItem(file, relativePath);
}

describe('room for a batch', () => {
  const upload = jest.fn(() => 'batch' as any);
  const giveBack = jest.fn(async () => undefined);
  const reopen = jest.fn();
  const looks = jest.fn();
  let leftovers: ILeftover[] = [];

  const intake = (
    free: number,
    change: Partial<IRoom> = {},
    conflict: any = 'rename',
    contents = contentsOf()
  ) =>
    new Intake({
      uploader: {
        upload,
        digest: null,
        discard: jest.fn(),
        giveBack,
        openFiles: async () => null,
        reopen,
        get leftovers() {
          return leftovers;
        }
      },
      contents,
      conflict: () => conflict,
      room: async () => {
        looks();
        const room = { free_bytes: free, reserved_bytes: 0 };
        return { ...room, max_upload_size: null, ...change };
      },
      digestOf: async () => null,
      format: new Format()
    });

  const refusalOf = async (done: Promise<unknown>): Promise<Refusal> => {
    const reason = await done.then(
      () => null,
      each => each
    );
    expect(reason).toBeInstanceOf(Refusal);
    expect(upload).not.toHaveBeenCalled();
    return reason;
  };

  beforeEach(() => {
    [upload, giveBack, looks].forEach(each => each.mockClear());
    leftovers = [];
  });

  it('is sent when all of it fits', async () => {
    const items = [sized('a', 6 * MB), sized('b', 4 * MB)];
    expect(await intake(10 * MB).upload(items, 'data')).toBe('batch');
    expect(upload.mock.calls).toEqual([
      [items, { destination: 'data', conflict: 'rename', onFile: undefined }]
    ]);
  });

  it('is refused as a whole when it does not, with the numbers', async () => {
    const items = [sized('a', 6 * MB), sized('b', 6 * MB)];
    const { title, message } = await refusalOf(
      intake(10 * MB, { reserved_bytes: 3 * MB }).upload(items, 'data')
    );
    expect(title).toBe('Not enough room');
    expect(message).toBe(
      'This needs 12 MB, but data/ has room for 10 MB only. ' +
        'Uploads under way will take 3 MB more. ' +
        'Free 2 MB or choose another folder.'
    );
  });

  it('counts dropped files, which are opened for their sizes', async () => {
    const drop = makeDrop(entriesOf({ d: { a: '12345', b: '67890' } }));
    const { message } = await refusalOf(intake(9).drop(drop, ''));
    expect(message).toContain('This needs 10 bytes, but / has room for 9 byte');
  });

  it('asks no room for what is skipped, and little for what is replaced', async () => {
    const there = contentsOf('a'); // of 7 bytes
    const items = [sized('a', 8), sized('b', 5)];
    const free = 12;
    await refusalOf(intake(free, {}, 'rename', there).upload(items, ''));
    expect(await intake(free, {}, 'skip', there).upload(items, '')).toBe(
      'batch'
    );
    expect(await intake(free, {}, 'overwrite', there).upload(items, '')).toBe(
      'batch'
    );
  });

  it('asks for the new file of a pair beside the old one', async () => {
    const there = contentsOf('a');
    const done = intake(7, {}, 'overwrite', there).upload([sized('a', 8)], '');
    await refusalOf(done);
  });

  describe('that an earlier page began', () => {
    const left: ILeftover = {
      id: '1',
      name: 'a',
      relativePath: 'd/a',
      destination: 'data',
      conflict: 'fail',
      size: 9 * MB,
      offset: 5 * MB,
      canReopen: true
    };

    beforeEach(() => (leftovers = [left]));

    it('is sent into the room that was promised', async () => {
      const promised = { reserved_bytes: 4 * MB };
      const go = (path: string, size: number) =>
        intake(MB, promised).upload([sized(path, size)], 'data');
      expect(await go('d/a', 9 * MB)).toBe('batch');
      upload.mockClear();
      await refusalOf(go('d/a', 8 * MB));
      await refusalOf(go('e/a', 9 * MB));
    });

    it('needs room for the rest only, and for that once nothing is promised', async () => {
      const items = [sized('d/a', 9 * MB)];
      expect(await intake(4 * MB).upload(items, 'data')).toBe('batch');
      upload.mockClear();
      const { message } = await refusalOf(intake(MB).upload(items, 'data'));
      expect(message).toContain('This needs 4 MB, but data/ has room for 1 MB');
    });

    it('is looked at before it goes on by a click', async () => {
      const items = [sized('d/a', 9 * MB)];
      reopen.mockResolvedValue({ items, roots: null });
      await refusalOf(intake(3 * MB).goOn(left));
      expect(await intake(4 * MB).goOn(left)).toBe('batch');
      expect(upload.mock.calls).toEqual([
        [items, { destination: 'data', conflict: 'fail', goesOn: '1' }]
      ]);
    });

    it('is a folder: its packs give their room back first', async () => {
      const folder = { filesTotal: 9, filesDone: 0 };
      const place = { name: 'd', relativePath: 'd', size: 0, offset: 0 };
      leftovers = [{ ...left, ...place, folder }];
      await intake(9).upload([sized('d/b', 9)], 'data');
      const [given] = giveBack.mock.invocationCallOrder;
      const [looked] = looks.mock.invocationCallOrder;
      expect(given).toBeLessThan(looked);
    });
  });

  it('names a file that is too large by itself', async () => {
    const { title, message } = await refusalOf(
      intake(100 * MB, { max_upload_size: 5 * MB }).upload(
        [sized('x/big.bin', 6 * MB)],
        ''
      )
    );
    expect(title).toBe('Too large for this server');
    expect(message).toBe(
      'x/big.bin has 6 MB, but this server takes files of up to 5 MB only.'
    );
    const several = await refusalOf(
      intake(100 * MB, { max_upload_size: 5 * MB }).upload(
        ['a', 'b', 'c', 'd', 'e', 'f', 'g'].map(name => sized(name, 6 * MB)),
        ''
      )
    );
    expect(several.message).toBe(
      'This server takes files of up to 5 MB. ' +
        'a (6 MB), b (6 MB), c (6 MB), d (6 MB), e (6 MB), and 2 more'
    );
  });

  it('offers to send the others, and tells what became of the large ones', async () => {
    const large = sized('big.bin', 6 * MB);
    const others = [sized('a', MB), sized('b', MB)];
    const onFile = jest.fn();
    const room = { max_upload_size: 5 * MB };
    const done = intake(2 * MB, room).upload([large, ...others], '', onFile);
    const dialog = await dialogShown('.jp-TransfersTooLarge');
    expect(dialog.textContent).toContain('big.bin (6 MB)');
    expect(upload).not.toHaveBeenCalled();
    press(dialog, 'Upload the other 2 files');
    expect(await done).toBe('batch');
    expect((upload.mock.calls as any)[0][0]).toEqual(others);
    expect(onFile.mock.calls).toEqual([[large, null, null]]);
  });

  it('sends nothing when the person does not want only the others', async () => {
    const items = [sized('big.bin', 6 * MB), sized('a', MB)];
    const done = intake(9 * MB, { max_upload_size: MB }).upload(items, '');
    press(await dialogShown('.jp-TransfersTooLarge'), 'Cancel');
    expect(await done).toBeNull();
    expect(upload).not.toHaveBeenCalled();
  });
});

describe('measure', () => {
  it('ends soon, however many files there are', async () => {
    let opened = 0;
    const slow = {
      size: null,
      open: () => {
        opened += 1;
        return new Promise(resolve => setTimeout(resolve, 10));
      }
    } as unknown as IUploadItem;
    const begin = performance.now();
    await measure(Array.from({ length: 100_000 }, () => slow));
    expect(performance.now() - begin).toBeLessThan(5000);
    expect(opened).toBeGreaterThan(0);
    expect(opened).toBeLessThan(10_000);
  });

  it('leaves a file that cannot be opened to the upload', async () => {
    const gone = {
      size: null,
      open: () => Promise.reject(new Error('gone'))
    } as unknown as IUploadItem;
    await measure([gone]);
    expect(needOf([gone, sized('a', 3)])).toBe(3);
  });
});
