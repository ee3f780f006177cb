import { findTaken } from '../conflict';
import { Format } from '../format';
import { Intake } from '../intake';

function item(relativePath: string) {
  const name = relativePath.split('/').pop()!;
  return { file: new File(['abc'], name), relativePath };
}

/** Contents that hold these paths; a path that ends in `/` is a folder. */
function contentsOf(...paths: string[]) {
  return {
    get: jest.fn(async (folder: string) => {
      const prefix = folder ? `${folder}/` : '';
      if (folder && !paths.includes(prefix)) {
        throw new Error('404');
      }
      const content = paths
        .filter(path => path.startsWith(prefix) && path !== prefix)
        .map(path => path.slice(prefix.length))
        .filter(path => /^[^/]+\/?$/.test(path))
        .map(path => ({
          name: path.replace('/', ''),
          type: path.endsWith('/') ? 'directory' : 'file',
          size: 7,
          last_modified: '2026-01-01T00:00:00Z'
        }));
      return { content } as any;
    })
  };
}

describe('findTaken', () => {
  it('finds names that are taken, with size and date', async () => {
    const contents = contentsOf('data/', 'data/a.csv');
    const taken = await findTaken(
      [item('a.csv'), item('b.csv')],
      'data',
      contents
    );
    expect(taken).toMatchObject([
      { item: { relativePath: 'a.csv' }, size: 7, modified: expect.any(String) }
    ]);
  });

  it('looks into folders that exist', async () => {
    const contents = contentsOf('photos/', 'photos/x/', 'photos/x/1.jpg');
    const taken = await findTaken(
      [item('photos/x/1.jpg'), item('photos/x/2.jpg'), item('photos/y/1.jpg')],
      '',
      contents
    );
    expect(taken.map(each => each.item.relativePath)).toEqual([
      'photos/x/1.jpg'
    ]);
  });

  it('asks once for a new folder, however many files it has', async () => {
    const contents = contentsOf('old.txt');
    const items = Array.from({ length: 1000 }, (_, index) =>
      item(`new/sub${index % 100}/${index}.txt`)
    );
    expect(await findTaken(items, '', contents)).toEqual([]);
    expect(contents.get).toHaveBeenCalledTimes(1);
  });

  it('does not take a folder for a file of the same name', async () => {
    const contents = contentsOf('a/');
    expect(await findTaken([item('a')], '', contents)).toEqual([]);
  });

  it('leaves it to the server when a folder cannot be read', async () => {
    const contents = contentsOf();
    expect(await findTaken([item('a')], 'gone', contents)).toEqual([]);
  });
});

describe('Intake', () => {
  const upload = jest.fn(() => 'batch' as any);
  const intake = (conflict: any, contents = contentsOf()) =>
    new Intake({
      uploader: { upload },
      contents,
      conflict: () => conflict,
      format: new Format()
    });

  beforeEach(() => upload.mockClear());

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

  it('uploads nothing when the person thinks better of it', async () => {
    const done = intake('ask', contentsOf('a.csv')).upload([item('a.csv')], '');
    press(await shown(), 'Cancel');
    expect(await done).toBeNull();
    expect(upload).not.toHaveBeenCalled();
  });

  async function shown(): Promise<HTMLElement> {
    for (let turn = 0; turn < 50; turn++) {
      const dialog = document.querySelector<HTMLElement>('.jp-Dialog');
      const title = dialog?.querySelector('.jp-Dialog-header')?.textContent;
      if (dialog && title && dialog.querySelector('tbody tr')) {
        return dialog;
      }
      await new Promise(resolve => setTimeout(resolve, 10));
    }
    throw new Error('no dialog');
  }

  function press(dialog: HTMLElement, label: string): void {
    Array.from(dialog.querySelectorAll<HTMLElement>('.jp-Dialog-button'))
      .find(each => each.textContent === label)!
      .click();
  }
});
