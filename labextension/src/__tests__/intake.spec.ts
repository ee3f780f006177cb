import { Notification } from '@jupyterlab/apputils';
import { Format } from '../format';
import { Intake } from '../intake';
import { entriesOf, makeDrop } from '../uploads/__tests__/drops';
import { FileItem } from '../uploads';
import type { ILeftover } from '../uploads/tokens';
import { contentsOf, dialogShown, item, press } from './samples';

describe('Intake', () => {
  const upload = jest.fn(() => 'batch' as any);
  const discard = jest.fn();
  const reopen = jest.fn();
  const giveBack = jest.fn(async () => undefined);
  let leftovers: ILeftover[] = [];
  const intake = (conflict: any, contents = contentsOf()) =>
    new Intake({
      uploader: {
        upload,
        digest: null,
        discard,
        giveBack,
        openFiles: async () => null,
        reopen,
        leftovers
      },
      contents,
      conflict: () => conflict,
      room: () => Promise.reject(new Error('404')),
      digestOf: () => Promise.reject(new Error('404')),
      format: new Format()
    });

  beforeEach(() => {
    [upload, discard, reopen].forEach(each => each.mockClear());
    leftovers = [];
  });
  afterEach(() => Notification.dismiss());

  it('does not look where the settings have decided', async () => {
    const contents = contentsOf('a.csv');
    const items = [item('a.csv')];
    expect(await intake('overwrite', contents).upload(items, '')).toBe('batch');
    expect(contents.get).not.toHaveBeenCalled();
    expect(upload).toHaveBeenCalledWith(items, {
      destination: '',
      conflict: 'overwrite'
    });
  });

  it('does not ask when no name is taken', async () => {
    await intake('ask').upload([item('a.csv')], '');
    expect(upload).toHaveBeenCalledWith(expect.anything(), {
      destination: '',
      conflict: 'rename'
    });
  });

  it('asks once for all, and does what the person says', async () => {
    const contents = contentsOf('a.csv', 'b.csv');
    const done = intake('ask', contents).upload(
      [item('a.csv'), item('b.csv'), item('c.csv')],
      ''
    );
    const dialog = await shown();
    expect(dialog.textContent).toContain('Replace 2 files?');
    expect(dialog.textContent).toContain('7 bytes');
    press(dialog, 'Skip');
    await done;
    expect(upload).toHaveBeenCalledWith(expect.anything(), {
      destination: '',
      conflict: 'skip'
    });
  });

  it('says that it cannot know of a folder that is not listed', async () => {
    const contents = contentsOf('a.csv', 'locked/');
    const { get } = contents;
    contents.get = jest.fn(path =>
      path === 'locked' ? Promise.reject(new Error('403')) : get(path)
    );
    const items = [item('a.csv'), item('locked/b.csv')];
    const done = intake('ask', contents).upload(items, '');
    const dialog = await shown();
    expect(dialog.textContent).toContain('One folder could not be looked into');
    press(dialog, 'Keep both');
    await done;
    // Without anything to ask about nothing is replaced.
    await intake('ask', contents).upload(items.slice(1), '');
    expect(upload).toHaveBeenLastCalledWith(
      items.slice(1),
      expect.objectContaining({ conflict: 'rename' })
    );
  });

  it('leaves out what is there already, the same', async () => {
    const contents = contentsOf('a.csv', 'b.csv', 'c.csv');
    const dated = (name: string, text: string, date: string) =>
      new FileItem(new File([text], name, { lastModified: Date.parse(date) }));
    const same = dated('a.csv', '1234567', '2026-01-01T00:00:00.789Z');
    const others = [
      dated('b.csv', '123456', '2026-01-01'),
      dated('c.csv', '1234567', '2026-01-02'),
      dated('d.csv', '1234567', '2026-01-01')
    ];
    const onFile = jest.fn();
    const items = [same, ...others];
    const done = intake('ask', contents).upload(items, '', onFile);
    press(await shown(), 'Only if different');
    expect(await done).toBe('batch');
    expect(upload).toHaveBeenCalledWith(others, {
      destination: '',
      conflict: 'overwrite',
      onFile
    });
    expect(onFile.mock.calls).toEqual([[same, null, null]]);
    expect(messages()).toEqual([
      'One file was left out, because the same one is there.'
    ]);
  });

  it('leaves the same ones out unasked, if the settings say so', async () => {
    const contents = contentsOf('a.csv', 'b.csv');
    const dated = (name: string, date: string) =>
      new FileItem(
        new File(['1234567'], name, { lastModified: Date.parse(date) })
      );
    const items = [dated('a.csv', '2026-01-01'), dated('b.csv', '2026-01-02')];
    expect(await intake('different', contents).upload(items, '')).toBe('batch');
    expect(document.querySelector('.jp-Dialog')).toBeNull();
    expect(upload).toHaveBeenCalledWith([items[1]], {
      destination: '',
      conflict: 'overwrite'
    });
    expect(
      await intake('different', contents).upload([items[0]], '')
    ).toBeNull();
    expect(await intake('different').upload(items, '')).toBe('batch');
    expect(upload).toHaveBeenLastCalledWith(items, {
      destination: '',
      conflict: 'rename'
    });
  });

  it('uploads nothing when the person thinks better of it', async () => {
    const done = intake('ask', contentsOf('a.csv')).upload([item('a.csv')], '');
    press(await shown(), 'Cancel');
    expect(await done).toBeNull();
    expect(upload).not.toHaveBeenCalled();
  });

  it('takes paths with the drive of the served files', async () => {
    const onFile = jest.fn();
    const items = [item('a.csv')];
    await intake('skip').upload(items, 'RTC:data', onFile);
    expect(upload).toHaveBeenCalledWith(items, {
      destination: 'data',
      conflict: 'skip',
      onFile
    });
  });

  it('has nothing to upload without files', async () => {
    expect(await intake('ask').upload([], '')).toBeNull();
    expect(upload).not.toHaveBeenCalled();
  });

  describe('after a reload', () => {
    const left: ILeftover = {
      id: 'left',
      name: 'd',
      relativePath: 'd',
      destination: 'data',
      conflict: 'rename',
      size: 0,
      offset: 0,
      canReopen: true,
      folder: { filesTotal: 3, filesDone: 1 }
    };
    const sent = { lastModified: Date.parse('2026-01-01') };
    const given = (name: string, text = '1234567') =>
      new FileItem(new File([text], name, sent), `d/${name}`);
    const there = (...names: string[]) =>
      contentsOf('data/', 'data/d/', ...names.map(name => `data/d/${name}`));

    beforeEach(() => (leftovers = [left]));

    it('sends of a folder what is not there yet, without asking', async () => {
      const items = ['a', 'b', 'c'].map(name => given(name));
      await intake('ask', there('a')).upload(items, 'data');
      expect(upload).toHaveBeenCalledWith(items.slice(1), {
        destination: 'data',
        conflict: 'rename',
        goesOn: 'left'
      });
      expect(messages()).toEqual([
        'One file was left out, because the same one is there.'
      ]);
    });

    it('knows those that got another name, as theirs was taken', async () => {
      const items = [given('a.txt', 'other'), given('b.txt', 'other')];
      const [mine] = items;
      const contents = there('a.txt', 'b.txt');
      const { get } = contents;
      contents.get = jest.fn(async path => {
        const { content } = await get(path);
        const [a] = content.filter((each: any) => each.name === 'a.txt');
        const more = { ...a, name: 'a (1).txt', size: mine.size };
        return { content: a ? [...content, more] : content } as any;
      });
      const keepBoth = async () => {
        const done = intake('ask', contents).upload(items, 'data');
        press(await shown(), 'Keep both');
        await done;
      };
      await keepBoth();
      expect(upload).toHaveBeenLastCalledWith(
        [items[1]],
        expect.objectContaining({ conflict: 'rename' })
      );
      // Where nothing was to be renamed, it is not ours.
      leftovers = [{ ...left, conflict: 'skip' }];
      await keepBoth();
      expect(upload).toHaveBeenLastCalledWith(items, expect.anything());
    });

    it('lists no folder twice', async () => {
      const contents = there('a', 'b');
      const items = [given('a'), given('b', 'other')];
      const done = intake('ask', contents).upload(items, 'data');
      press(await shown(), 'Replace');
      await done;
      expect(contents.get.mock.calls.map(([folder]) => folder)).toEqual([
        'data',
        'data/d'
      ]);
    });

    it('asks about those that differ', async () => {
      const items = [given('a'), given('b', 'other')];
      const done = intake('ask', there('a', 'b')).upload(items, 'data');
      press(await shown(), 'Replace');
      await done;
      expect(upload).toHaveBeenCalledWith(
        [items[1]],
        expect.objectContaining({ conflict: 'overwrite' })
      );
    });

    it.each([
      ['in another folder', 'd', 'elsewhere'],
      ['of another name', 'e', 'data']
    ])('asks as ever %s', async (_, name, folder) => {
      const items = [
        new FileItem(new File(['1234567'], 'a', sent), `${name}/a`)
      ];
      const contents = contentsOf(
        ...[folder, `${folder}/${name}`].map(f => `${f}/`),
        `${folder}/${name}/a`
      );
      const done = intake('ask', contents).upload(items, folder);
      press(await shown(), 'Skip');
      await done;
      expect(upload).toHaveBeenCalledWith(items, expect.anything());
    });

    it('forgets what had arrived as a whole', async () => {
      await intake('ask', there('a')).upload([given('a')], 'data');
      expect(upload).not.toHaveBeenCalled();
      expect(discard).toHaveBeenCalledWith('left');
    });

    it('goes on once, however often it is told to', async () => {
      const items = [given('a')];
      reopen.mockResolvedValue({ items, roots: null });
      const taker = intake('ask');
      const file = { ...left, folder: undefined };
      const told = [taker.goOn(file), taker.goOn(file)];
      expect(await Promise.all(told)).toEqual(['batch', null]);
      expect(upload.mock.calls).toEqual([
        [items, { destination: 'data', conflict: 'rename', goesOn: 'left' }]
      ]);
      expect(await taker.goOn(file)).toBe('batch');
    });

    it('goes on with the file that the person chooses', async () => {
      const { file } = given('a');
      reopen.mockResolvedValue({ items: [given('a')], roots: null });
      const input = jest.spyOn(document, 'createElement');
      const one = { ...left, folder: undefined, canReopen: false };
      const done = intake('ask').goOn(one);
      const [{ value: chooser }] = input.mock.results;
      Object.defineProperty(chooser, 'files', { value: [file] });
      chooser.dispatchEvent(new Event('change'));
      expect(await done).toBe('batch');
      expect(reopen).toHaveBeenCalledWith('left', file);
      input.mockRestore();
    });

    it('goes on by one click where the browser kept the folder', async () => {
      const roots = { handles: [], files: 2 };
      const items = [given('a'), given('b')];
      reopen.mockResolvedValueOnce({ items, roots });
      await intake('ask', there('a')).goOn(left);
      expect(reopen).toHaveBeenCalledWith('left');
      expect(upload).toHaveBeenCalledWith([items[1]], {
        destination: 'data',
        conflict: 'rename',
        goesOn: 'left',
        roots
      });
    });
  });

  it('uploads a drop with its empty folders', async () => {
    const tree = { d: { 'a.txt': 'A', e: { f: {}, g: {} } } };
    const drop = makeDrop(entriesOf(tree));
    expect(await intake('ask').drop(drop, 'data')).toBe('batch');
    expect(upload).toHaveBeenCalledWith(
      [expect.objectContaining({ relativePath: 'd/a.txt' })],
      {
        destination: 'data',
        conflict: 'rename',
        emptyFolders: ['d/e/f', 'd/e/g'],
        onFolderFailed: expect.any(Function)
      }
    );
  });

  it('uploads a drop that has only folders', async () => {
    const drop = makeDrop(entriesOf({ empty: {} }));
    expect(await intake('ask').drop(drop, '')).toBe('batch');
    expect(upload).toHaveBeenCalledWith(
      [],
      expect.objectContaining({ emptyFolders: ['empty'] })
    );
  });

  it('has nothing to upload of a drop without anything', async () => {
    expect(await intake('ask').drop(makeDrop([]), '')).toBeNull();
    expect(upload).not.toHaveBeenCalled();
  });

  it('says once that a folder could not be made', async () => {
    const drop = makeDrop(entriesOf({ e: {}, f: {}, 'a.txt': 'A' }));
    await intake('skip').drop(drop, 'data');
    const [[, { onFolderFailed }]] = upload.mock.calls as any;
    onFolderFailed('e');
    onFolderFailed('f');
    expect(messages()).toEqual(['The empty folder “e” could not be made.']);
  });

  it('names the folders that could not be listed, and uploads the rest', async () => {
    const entries = entriesOf({ locked: {}, 'a.txt': 'A' });
    (entries[0] as any).createReader = () => ({
      readEntries: (_: unknown, bad: (error: Error) => void) =>
        bad(new DOMException('no', 'NotReadableError'))
    });
    await intake('skip').drop(makeDrop(entries), '');
    expect(messages()).toEqual([
      'This folder could not be read and was left out: locked'
    ]);
    expect(upload).toHaveBeenCalledWith(
      [expect.objectContaining({ relativePath: 'a.txt' })],
      expect.anything()
    );
  });

  it('says that it reads only while a long reading lasts', async () => {
    jest.useFakeTimers({ doNotFake: ['performance'] });
    try {
      const [folder] = entriesOf({ big: {} });
      let end: (entries: FileSystemEntry[]) => void = () => undefined;
      (folder as any).createReader = () => ({
        readEntries: (ok: typeof end) => (end = ok)
      });
      const done = intake('skip').drop(makeDrop([folder]), '');
      await jest.advanceTimersByTimeAsync(900);
      expect(messages()).toEqual([]);
      await jest.advanceTimersByTimeAsync(200);
      expect(messages()).toEqual(['Reading what was dropped…']);
      end([]);
      await done;
      expect(messages()).toEqual([]);
    } finally {
      jest.useRealTimers();
    }
  });

  it('makes no folders when the person thinks better of a drop', async () => {
    const contents = contentsOf('a.csv');
    const drop = makeDrop(entriesOf({ e: {}, 'a.csv': 'A' }));
    const done = intake('ask', contents).drop(drop, '');
    press(await shown(), 'Cancel');
    expect(await done).toBeNull();
    expect(upload).not.toHaveBeenCalled();
  });

  const messages = () =>
    Notification.manager.notifications.map(each => each.message);

  const shown = () => dialogShown('tbody tr');
});
