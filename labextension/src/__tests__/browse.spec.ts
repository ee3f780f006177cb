/** "Browse…" in the dialogs "From…" and "Send to…". */

import { TransferError } from '../api';
import { Format } from '../format';
import { askAddress } from '../from';
import type { IBackend, IBackendOption } from '../job';
import type { ISendItem } from '../sendto';
import { askDestination } from '../sendto';
import { dialogShown, press, type } from './samples';

const ENDPOINT: IBackendOption = {
  name: 'endpoint',
  type: 'text',
  help: '',
  default: null,
  secret: false,
  choices: [],
  required: false
};

const BACKENDS: readonly IBackend[] = [
  {
    name: 's3',
    title: 'S3',
    schemes: ['s3'],
    options: [ENDPOINT, { ...ENDPOINT, name: 'host_key' }],
    can: ['fetch', 'send', 'browse']
  },
  { name: 'plain', title: 'P', schemes: ['plain'], options: [], can: ['fetch'] }
];

/** A service, by the addresses of its folders. */
const TREE: Record<string, readonly string[]> = {
  's3://': ['photos/', 'logs/'],
  's3://photos/': ['b.jpg', 'albums/', 'a.jpg'],
  's3://photos/albums/': [],
  's3://logs/': Array.from({ length: 1000 }, (_, n) => `${n}.log`)
};

jest.setTimeout(30_000);

describe('the list of what lies at an address', () => {
  const api = {
    backends: jest.fn(async () => BACKENDS),
    browse: jest.fn(),
    dryRun: jest.fn(),
    probe: jest.fn(),
    remoteKinds: jest.fn(async () => [])
  };
  const common = {
    api: api as any,
    format: new Format(),
    conflict: 'rename' as const,
    recent: [],
    start: jest.fn(async () => undefined)
  };
  let dialog: HTMLElement;
  let asked: Promise<unknown>;

  beforeEach(() => {
    jest.clearAllMocks();
    api.probe.mockRejectedValue(new TransferError({ code: 'timeout' }));
    api.browse.mockImplementation(async (url: string) => {
      if (!(url in TREE)) {
        const code = 'remote_not_found';
        throw new TransferError({ code, message: 'Gone.', remedy: 'Look.' });
      }
      const entries = TREE[url].map(path => ({
        path,
        address: (url === 's3://' ? 's3://' : url) + path,
        folder: path.endsWith('/'),
        size: path.endsWith('/') ? null : 2048,
        mtime_ns: null
      }));
      return { entries, complete: url !== 's3://logs/' };
    });
  });

  afterEach(async () => {
    if (document.body.contains(dialog)) {
      press(dialog, 'Cancel');
    }
    await asked;
    document.querySelectorAll('.jp-Dialog').forEach(each => each.remove());
  });

  async function open(address: string): Promise<void> {
    asked = askAddress({ ...common, address, folder: '' });
    dialog = await dialogShown('input');
  }

  async function eventually(check: () => void): Promise<void> {
    const end = Date.now() + 8000;
    while (Date.now() < end) {
      try {
        return check();
      } catch {
        await new Promise(resolve => setTimeout(resolve, 10));
      }
    }
    check();
  }

  const button = (label: string) =>
    [...dialog.querySelectorAll('button')].find(
      each => each.textContent === label
    );
  const field = (name: string) =>
    [...dialog.querySelectorAll('label')]
      .find(label => label.textContent === name)!
      .querySelector('input')!;
  const box = () => dialog.querySelector<HTMLElement>('[role=listbox]');
  const rows = () => [
    ...dialog.querySelectorAll<HTMLElement>('.jp-TransfersBrowse-row')
  ];
  const selected = () =>
    dialog.querySelector('.jp-TransfersBrowse-row[aria-selected=true]')
      ?.textContent;
  const status = () =>
    dialog.querySelector('.jp-TransfersBrowse-status')?.textContent;
  const address = () => dialog.querySelector('input')!.value;

  function key(name: string): void {
    document.activeElement!.dispatchEvent(
      new KeyboardEvent('keydown', {
        key: name,
        bubbles: true,
        cancelable: true
      })
    );
  }

  async function browse(): Promise<void> {
    await eventually(() => expect(button('Browse…')).toBeTruthy());
    button('Browse…')!.click();
    await eventually(() => expect(box()).toBeTruthy());
    await eventually(() => expect(box()!.ariaBusy ?? '').not.toBe('true'));
  }

  it('goes from the buckets to a file, which becomes the address', async () => {
    await open('s3://');
    await browse();
    await eventually(() => expect(rows()).toHaveLength(2));
    expect(document.activeElement).toBe(box());
    rows()[1].click();
    await eventually(() =>
      expect(rows().map(row => row.textContent)).toEqual([
        'albums/',
        'a.jpg2 kB',
        'b.jpg2 kB'
      ])
    );
    expect(status()).toBe('3 entries');
    rows()[2].click();
    await eventually(() => expect(address()).toBe('s3://photos/b.jpg'));
    await eventually(() => expect(box()).toBeNull());
    // What was chosen is looked at like what is typed.
    await eventually(() =>
      expect(api.probe).toHaveBeenCalledWith('s3://photos/b.jpg', {})
    );
  });

  it('is used by keys, which the dialog leaves alone', async () => {
    await open('s3://');
    await browse();
    await eventually(() => expect(selected()).toBe('logs/'));
    key('ArrowDown');
    await eventually(() => expect(selected()).toBe('photos/'));
    key('Enter');
    await eventually(() => expect(selected()).toBe('albums/'));
    key('Enter');
    await eventually(() => expect(status()).toBe('Nothing lies here.'));
    key('Backspace');
    await eventually(() => expect(selected()).toBe('albums/'));
    key('Backspace');
    // It stands where it came from.
    await eventually(() => expect(selected()).toBe('photos/'));
    expect(document.activeElement).toBe(box());
    key('Escape');
    await eventually(() => expect(box()).toBeNull());
    expect(document.activeElement).toBe(button('Browse…'));
    expect(document.body.contains(dialog)).toBe(true);
    expect(address()).toBe('s3://');
    expect(common.start).not.toHaveBeenCalled();
  });

  it('is closed by Escape in the field, too; only then the dialog is', async () => {
    await open('s3://');
    await browse();
    dialog.querySelector('input')!.focus();
    key('Escape');
    await eventually(() => expect(box()).toBeNull());
    expect(document.body.contains(dialog)).toBe(true);
    key('Escape');
    expect(await asked).toBeNull();
  });

  it('takes a folder, but no place above all buckets', async () => {
    await open('s3://photos');
    await browse();
    await eventually(() => expect(rows()).toHaveLength(3));
    expect(button('Use This Folder')!.disabled).toBe(false);
    button('Up')!.click();
    await eventually(() => expect(rows()).toHaveLength(2));
    expect(button('Use This Folder')!.disabled).toBe(true);
    expect(button('Up')!.disabled).toBe(true);
    rows()[1].click();
    await eventually(() => expect(rows()).toHaveLength(3));
    button('Use This Folder')!.click();
    await eventually(() => expect(address()).toBe('s3://photos/'));
  });

  it('says what went wrong and what to do, and tries again', async () => {
    await open('s3://gone/');
    await browse();
    await eventually(() =>
      expect(dialog.querySelector('[role=alert]')?.textContent).toBe(
        'Gone.Look.'
      )
    );
    type(field('Endpoint'), 'https://minio');
    api.browse.mockResolvedValue({ entries: [], complete: true });
    button('Try Again')!.click();
    await eventually(() => expect(status()).toBe('Nothing lies here.'));
    expect(document.activeElement).toBe(box());
    expect(api.browse).toHaveBeenLastCalledWith('s3://gone/', {
      endpoint: 'https://minio'
    });
  });

  it('goes on when the person vouches for the host', async () => {
    const detail = { kind: 'host_key', host: 'h', fingerprint: 'SHA256:x' };
    api.probe.mockResolvedValue({ needs: 'decision', detail });
    api.browse.mockImplementationOnce(async () => {
      throw new TransferError({ code: 'needs_decision', detail });
    });
    await open('s3://photos/');
    await eventually(() => expect(button('Trust This Host')).toBeTruthy());
    await browse();
    await eventually(() =>
      expect(dialog.querySelector('[role=alert]')?.textContent).toContain(
        'SHA256:x'
      )
    );
    button('Trust This Host')!.click();
    await eventually(() => expect(rows()).toHaveLength(3));
    expect(api.browse).toHaveBeenLastCalledWith('s3://photos/', {
      host_key: 'SHA256:x'
    });
  });

  it('opens the options when the service asks who it is', async () => {
    api.browse.mockRejectedValue(
      new TransferError({ code: 'needs_credentials', message: 'Who?' })
    );
    await open('s3://');
    await eventually(() =>
      expect(dialog.querySelector('details')).toBeTruthy()
    );
    expect(dialog.querySelector('details')!.open).toBe(false);
    await browse();
    await eventually(() =>
      expect(dialog.querySelector('details')!.open).toBe(true)
    );
  });

  it('draws what is in sight of a long list, and says that it is cut off', async () => {
    await open('s3://logs/');
    await browse();
    await eventually(() => expect(rows().length).toBeGreaterThan(0));
    expect(rows().length).toBeLessThan(40);
    expect(rows()[0].getAttribute('aria-setsize')).toBe('1000');
    expect(status()).toContain('more than the 1,000 entries shown');
    key('End');
    await eventually(() => expect(box()!.scrollTop).toBe(1000 * 28 - 10 * 28));
    box()!.dispatchEvent(new Event('scroll', { bubbles: true }));
    await eventually(() => expect(selected()).toBe('999.log2 kB'));
  });

  it('closes when an address is typed', async () => {
    await open('s3://');
    await browse();
    type(dialog.querySelector('input')!, 's3://else/');
    await eventually(() => expect(box()).toBeNull());
  });

  it('closes when the service becomes another by an option', async () => {
    await open('s3://photos/');
    await browse();
    await eventually(() => expect(rows()).toHaveLength(3));
    type(field('Endpoint'), 'https://minio');
    await eventually(() => expect(box()).toBeNull());
  });

  it('is not offered where the service lists nothing', async () => {
    await open('plain://host/');
    await eventually(() => expect(api.probe).toHaveBeenCalled());
    expect(button('Browse…')).toBeUndefined();
  });

  it('begins above a folder of a destination that is not there yet', async () => {
    api.probe.mockRejectedValue(
      new TransferError({ code: 'remote_not_found', message: 'No.' })
    );
    asked = askDestination({
      ...common,
      folder: 's3://photos/',
      items: [{ path: 'work/new', isFolder: true }]
    });
    dialog = await dialogShown('input');
    await eventually(() =>
      expect(dialog.textContent).toContain('no file is found there')
    );
    await browse();
    await eventually(() => expect(rows()).toHaveLength(3));
  });

  it('names a folder that is sent in the folder that is chosen', async () => {
    const choose = async (items: readonly ISendItem[]) => {
      asked = askDestination({ ...common, folder: 's3://photos/', items });
      dialog = await dialogShown('input');
      type(dialog.querySelector('input')!, 's3://photos/albums/');
      await browse();
      await eventually(() => expect(status()).toBe('Nothing lies here.'));
      button('Use This Folder')!.click();
      await eventually(() => expect(box()).toBeNull());
      const chosen = address();
      press(dialog, 'Cancel');
      await asked;
      return chosen;
    };
    const folder = { path: 'work/new one', isFolder: true };
    const file = { path: 'work/a.csv', isFolder: false };
    expect(await choose([folder])).toBe('s3://photos/albums/new one/');
    expect(await choose([file])).toBe('s3://photos/albums/');
    expect(await choose([folder, file])).toBe('s3://photos/albums/');
    const same = { path: 'work/albums', isFolder: true };
    expect(await choose([same])).toBe('s3://photos/albums/');
  });

  it('takes the chosen folder itself where it is to equal the source', async () => {
    const can = [...BACKENDS[0].can!, 'delete'];
    api.backends.mockResolvedValueOnce([{ ...BACKENDS[0], can }]);
    asked = askDestination({
      ...common,
      folder: 's3://photos/',
      items: [{ path: 'work/new', isFolder: true }]
    });
    dialog = await dialogShown('input');
    const choices = () =>
      [...dialog.querySelectorAll('select')].find(select =>
        select.textContent!.includes('Synchronise')
      );
    await eventually(() => expect(choices()).toBeTruthy());
    const manner = choices()!;
    manner.value = 'sync';
    manner.dispatchEvent(new Event('change', { bubbles: true }));
    type(dialog.querySelector('input')!, 's3://photos/albums/');
    await browse();
    await eventually(() => expect(status()).toBe('Nothing lies here.'));
    button('Use This Folder')!.click();
    await eventually(() => expect(address()).toBe('s3://photos/albums/'));
  });

  it('begins at services and places of before without an address', async () => {
    const recent = ['s3://logs/a/b.log', 's3://logs/c', 'plain://host/x'];
    asked = askAddress({ ...common, recent, address: '', folder: '' });
    dialog = await dialogShown('input');
    await browse();
    expect(rows().map(row => row.textContent)).toEqual(['S3', 's3://logs/']);
    expect(button('Up')!.disabled).toBe(true);
    expect(button('Use This Folder')!.disabled).toBe(true);
    expect(api.browse).not.toHaveBeenCalled();
    key('Enter');
    await eventually(() => expect(selected()).toBe('logs/'));
    key('Backspace');
    await eventually(() => expect(selected()).toBe('S3'));
    rows()[1].click();
    await eventually(() => expect(rows().length).toBeGreaterThan(2));
    button('Use This Folder')!.click();
    await eventually(() => expect(address()).toBe('s3://logs/'));
  });

  it('is not offered without an address where there is no place to begin', async () => {
    api.backends.mockResolvedValueOnce(BACKENDS.slice(1));
    await open('');
    await eventually(() => expect(api.backends).toHaveBeenCalled());
    expect(button('Browse…')).toBeUndefined();
  });

  it('leaves Enter on a button of the form to the button', async () => {
    await open('s3://photos/');
    await eventually(() =>
      expect(button('Test Connection')?.disabled).toBe(false)
    );
    button('Test Connection')!.focus();
    const event = new KeyboardEvent('keydown', {
      key: 'Enter',
      bubbles: true,
      cancelable: true
    });
    document.activeElement!.dispatchEvent(event);
    // The browser presses it, for nobody said that this must not be.
    expect(event.defaultPrevented).toBe(false);
    expect(common.start).not.toHaveBeenCalled();
  });
});
