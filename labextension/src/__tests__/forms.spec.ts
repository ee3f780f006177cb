/** The dialogs "From…" and "Send to…": what they ask the server for. */

import { TransferError } from '../api';
import { Format } from '../format';
import { askAddress } from '../from';
import type { IBackend, IBackendOption, IJobRequest } from '../job';
import { askDestination, folderOfSend } from '../sendto';
import { dialogShown, press, type } from './samples';

function option(name: string, more: Partial<IBackendOption> = {}) {
  const plain = { help: '', default: null, secret: false, choices: [] };
  return { name, type: 'text' as const, required: false, ...plain, ...more };
}

const BACKENDS: readonly IBackend[] = [
  {
    name: 's3',
    title: 'S3',
    schemes: ['s3'],
    options: [
      option('endpoint'),
      option('secret_key', { secret: true }),
      option('acl', { side: 'destination' }),
      option('version', { side: 'source' })
    ],
    can: ['fetch', 'send', 'delete', 'copy']
  },
  {
    name: 'http',
    title: 'Web address',
    schemes: ['http', 'https'],
    options: [],
    can: ['fetch']
  },
  {
    name: 'ftp',
    title: 'FTP',
    schemes: ['ftp'],
    options: [option('username'), option('password', { secret: true })],
    can: ['fetch', 'send', 'delete']
  },
  {
    name: 'rclone',
    title: 'Remote of rclone',
    schemes: ['rclone'],
    options: [
      option('remote_type'),
      option('remote_options'),
      option('remote_secrets', { secret: true })
    ],
    can: ['fetch', 'send']
  },
  {
    name: 'git',
    title: 'Git repository',
    schemes: ['git+https', 'git+ssh'],
    options: [option('commit_message'), option('paths')],
    can: ['fetch', 'send']
  }
];

const CLONE = {
  branch: 'main',
  busy: null,
  ahead: 2,
  behind: 0,
  changes: [
    { path: 'a.ipynb', kind: 'modified', size: 10 },
    { path: 'old.csv', kind: 'deleted', size: null },
    { path: 'new.csv', kind: 'untracked', size: 4 }
  ],
  more: false,
  remotes: [{ name: 'origin', address: 'git+https://host/owner/x.git' }],
  identity: { name: 'Ann', email: 'ann@example.org' }
};

const WEBDAV = {
  type: 'webdav',
  title: 'WebDAV',
  options: [
    { ...option('url'), advanced: false, provider: null },
    { ...option('pass', { secret: true }), advanced: false, provider: null },
    { ...option('nc_only'), advanced: true, provider: '!other' }
  ]
};

const FOUND = {
  backend: 's3',
  title: 'photos',
  files: 3,
  bytes: 9,
  entries: [],
  resumable: true,
  verifiable: true,
  needs: null,
  free_bytes: 100
};

jest.setTimeout(30_000);

describe('the forms', () => {
  const api = {
    backends: jest.fn(async () => BACKENDS),
    clone: jest.fn(),
    dryRun: jest.fn(),
    probe: jest.fn(),
    remoteKinds: jest.fn(async () => [WEBDAV] as any)
  };
  const common = {
    api: api as any,
    format: new Format(),
    conflict: 'rename' as const,
    recent: ['s3://old/data/'],
    start: jest.fn(async (_: IJobRequest) => undefined)
  };

  beforeEach(() => {
    jest.clearAllMocks();
    api.probe.mockResolvedValue(FOUND);
    api.clone.mockRejectedValue(
      new TransferError({ code: 'conflict', message: 'It is no clone.' })
    );
    api.dryRun.mockResolvedValue({
      plan: { copy: 1, replace: 0, delete: 2, skip: 4, bytes: 10 },
      entries: [{ path: 'old.csv', size: 1, action: 'delete' }],
      files: 3,
      bytes: 10
    });
  });

  afterEach(() => {
    document.querySelectorAll('.jp-Dialog').forEach(each => each.remove());
  });

  /** A field by its label. */
  function field(dialog: HTMLElement, name: string, nth = 0): HTMLInputElement {
    const labels = [...dialog.querySelectorAll('label')].filter(
      label => label.querySelector('span')?.textContent === name
    );
    return labels[nth].querySelector('input, select, textarea')!;
  }

  /** Wait until `check` stops throwing. */
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

  function click(dialog: HTMLElement, label: string): void {
    const button = [...dialog.querySelectorAll('button')].find(
      each => each.textContent === label
    );
    button!.click();
  }

  /** Start, as soon as the form is found to be valid. */
  async function start(dialog: HTMLElement): Promise<void> {
    const button = dialog.querySelector<HTMLButtonElement>('.jp-mod-accept')!;
    await eventually(() => expect(button.disabled).toBe(false));
    button.click();
  }

  const send = (...paths: string[]) =>
    askDestination({
      ...common,
      folder: 's3://bucket/data/',
      items: paths.map(path => ({
        path: path.replace(/\/$/, ''),
        isFolder: path.endsWith('/')
      }))
    });

  it('sends a folder into one of its own at the last destination', async () => {
    const asked = send('work/my photos/');
    const dialog = await dialogShown('input');
    expect(field(dialog, 'Address').value).toBe('s3://bucket/data/my photos/');
    await start(dialog);
    expect(await asked).toEqual<IJobRequest[]>([
      {
        kind: 'send',
        source: 'work/my photos',
        destination: 's3://bucket/data/my photos/',
        options: { conflict: 'rename' }
      }
    ]);
  });

  it('sends several, each under its own name', async () => {
    const asked = send('a.csv', 'photos/');
    await start(await dialogShown('input'));
    expect(
      (await asked)!.map(({ source, destination }) => [source, destination])
    ).toEqual([
      ['a.csv', 's3://bucket/data/'],
      ['photos', 's3://bucket/data/photos/']
    ]);
  });

  it('stays, and says why, when the server refuses', async () => {
    const refusal = { code: 'bad_request', message: 'No.', remedy: 'Do so.' };
    common.start.mockResolvedValueOnce(undefined);
    common.start.mockRejectedValueOnce(new TransferError(refusal));
    const asked = send('a.csv', 'photos/');
    const dialog = await dialogShown('input');
    await start(dialog);
    await eventually(() =>
      expect(dialog.querySelector('[role=alert]')!.textContent).toBe(
        'No. Do so.'
      )
    );
    await start(dialog);
    await asked;
    // What was taken before is not started twice.
    expect(common.start.mock.calls.map(([{ source }]) => source)).toEqual([
      'a.csv',
      'photos',
      'photos'
    ]);
  });

  it('takes the options of the service, and which files', async () => {
    const asked = send('photos/');
    const dialog = await dialogShown('details');
    await eventually(() => field(dialog, 'Endpoint'));
    type(field(dialog, 'Endpoint'), 'https://minio:9000');
    type(field(dialog, 'Secret key'), 'hush');
    type(field(dialog, 'Only these files'), '*.jpg\n\n *.png ');
    await start(dialog);
    expect((await asked)![0].options).toEqual({
      conflict: 'rename',
      endpoint: 'https://minio:9000',
      secret_key: 'hush',
      include: ['*.jpg', '*.png']
    });
  });

  it('makes the destination equal, after a look at what that means', async () => {
    const asked = send('photos/');
    const dialog = await dialogShown('select');
    type(field(dialog, 'What to do'), 'sync');
    await eventually(() => field(dialog, 'Files to delete at most'));
    type(field(dialog, 'Files to delete at most'), '5');
    const trash = 'Keep what is deleted or replaced in a trash';
    [...dialog.querySelectorAll('label')]
      .find(label => label.textContent === trash)!
      .click();
    await eventually(() =>
      expect(dialog.textContent).toContain('This is there already.')
    );
    click(dialog, 'Show What Would Be Done');
    await eventually(() =>
      expect(dialog.textContent).toContain(
        '2 files would be deleted, 1 copied (10 bytes)'
      )
    );
    expect(dialog.textContent).toContain('old.csv');
    await start(dialog);
    expect(await asked).toEqual<IJobRequest[]>([
      {
        kind: 'sync',
        source: 'photos',
        destination: 's3://bucket/data/photos/',
        options: { trash: true, max_delete: 5 }
      }
    ]);
  });

  it('commits what was picked of a clone, and pushes', async () => {
    api.clone.mockResolvedValue(CLONE);
    api.probe.mockResolvedValue({ ...FOUND, backend: 'git', files: null });
    api.dryRun.mockResolvedValue({
      plan: {
        ...{ copy: 1, replace: 1, delete: 0, skip: 0, bytes: 14 },
        hash: 'abcd'
      },
      entries: [{ path: 'a.ipynb', size: 10, action: 'replace' }],
      files: 2,
      bytes: 14,
      push: {
        branch: 'main',
        new_branch: false,
        commits: [{ commit: '1234567890', subject: 'before' }],
        commit_count: 2,
        objects: 1,
        object_bytes: 2000
      }
    });
    const asked = send('work/');
    const dialog = await dialogShown('fieldset');
    await eventually(() =>
      expect(field(dialog, 'Address').value).toBe(
        'git+https://host/owner/x.git'
      )
    );
    expect(api.clone).toHaveBeenCalledWith('work');
    expect(dialog.textContent).toContain('2 commits were not pushed yet.');
    expect(dialog.textContent).toContain(
      'You commit as Ann <ann@example.org>.'
    );
    expect(dialog.textContent).not.toContain('If the name is taken');
    const box = (name: string) =>
      [...dialog.querySelectorAll('fieldset label')]
        .find(label => label.textContent === name)!
        .querySelector('input')!;
    expect(box('a.ipynb').checked).toBe(true);
    expect(box('new.csv').checked).toBe(false);
    box('new.csv').click();
    box('old.csv').click();
    type(field(dialog, 'Message of the commit'), 'What I did');
    click(dialog, 'Show What Would Be Done');
    await eventually(() =>
      expect(dialog.textContent).toContain(
        'To the branch main, 2 commits, one large file of LFS (2 kB)'
      )
    );
    expect(dialog.textContent).toContain('before1234567');
    await start(dialog);
    expect(await asked).toEqual<IJobRequest[]>([
      {
        kind: 'send',
        source: 'work',
        destination: 'git+https://host/owner/x.git',
        options: { commit_message: 'What I did', paths: 'a.ipynb\nnew.csv' }
      }
    ]);
    // Nothing else is pushed than what was shown.
    expect(common.start.mock.calls[0][0].options).toMatchObject({
      approve: 'abcd'
    });
  });

  it('only pushes where there is no message', async () => {
    api.clone.mockResolvedValue({ ...CLONE, identity: null });
    api.probe.mockResolvedValue({ ...FOUND, backend: 'git', files: null });
    const asked = send('work/');
    const dialog = await dialogShown('fieldset');
    expect(dialog.textContent).toContain('git does not know who commits.');
    await start(dialog);
    expect((await asked)![0].options).toEqual({});
  });

  it('does not mind that nothing is at the destination yet', async () => {
    api.probe.mockRejectedValue(
      new TransferError({ code: 'remote_not_found', message: 'No such file.' })
    );
    const asked = send('photos/');
    const dialog = await dialogShown('input');
    await eventually(() =>
      expect(dialog.textContent).toContain('no file is found there')
    );
    expect(field(dialog, 'Address').validationMessage).toBe('');
    api.probe.mockResolvedValue(FOUND);
    click(dialog, 'Test Connection');
    await eventually(() =>
      expect(dialog.textContent).toContain('This is there already.')
    );
    press(dialog, 'Cancel');
    expect(await asked).toBeNull();
  });

  it('refuses addresses to which nothing can be sent', async () => {
    const asked = send('a.csv');
    const dialog = await dialogShown('input');
    api.probe.mockResolvedValue({ ...FOUND, backend: 'http' });
    type(field(dialog, 'Address'), 'https://example.org/');
    await eventually(() =>
      expect(field(dialog, 'Address').validationMessage).toContain(
        'Nothing can be sent'
      )
    );
    press(dialog, 'Cancel');
    await asked;
  });

  const from = async (address: string) =>
    (await askAddress({ ...common, address, folder: 'data' }))?.[0] ?? null;

  it('fetches a repository to a folder with its name', async () => {
    api.probe.mockResolvedValue({
      ...FOUND,
      backend: 'git',
      title: 'project',
      files: null,
      bytes: null,
      about: { revision: 'main', commit: 'c0ffee', lfs: true }
    });
    const asked = from('git+https://host/owner/project.git');
    const dialog = await dialogShown('input');
    await eventually(() => expect(dialog.textContent).toContain('project'));
    expect(dialog.textContent).toContain('main');
    expect(dialog.textContent).toContain('LFS');
    await start(dialog);
    expect(await asked).toEqual({
      kind: 'fetch',
      source: 'git+https://host/owner/project.git',
      destination: 'data/project',
      options: { conflict: 'rename' }
    });
  });

  it('fetches a single file under the name that the server found', async () => {
    api.probe.mockResolvedValue({ ...FOUND, title: 'a b.csv', files: 1 });
    const asked = from('s3://bucket/a%20b.csv');
    const dialog = await dialogShown('input');
    await eventually(() => expect(dialog.textContent).toContain('a b.csv'));
    // One file cannot be made equal to a folder.
    expect(dialog.textContent).not.toContain('Synchronise');
    await start(dialog);
    expect(await asked).toEqual({
      kind: 'fetch',
      source: 's3://bucket/a%20b.csv',
      destination: 'data/a b.csv',
      options: { conflict: 'rename' }
    });
  });

  it('copies from one service to another, each with its options', async () => {
    const asked = from('s3://one/photos/');
    const dialog = await dialogShown('select');
    type(field(dialog, 'Where to'), 'service');
    await eventually(() => field(dialog, 'Destination address'));
    type(field(dialog, 'Destination address'), 's3://two/photos/');
    await eventually(() => field(dialog, 'Endpoint', 1));
    expect(dialog.textContent).toContain('Synchronise');
    type(field(dialog, 'Endpoint', 0), 'https://one');
    type(field(dialog, 'Endpoint', 1), 'https://two');
    await start(dialog);
    expect(await asked).toEqual({
      kind: 'copy',
      source: 's3://one/photos/',
      destination: 's3://two/photos/',
      options: {
        conflict: 'rename',
        endpoint: 'https://one',
        dest_endpoint: 'https://two'
      }
    });
  });

  it('never takes a user name of one service for that of another', async () => {
    const asked = from('s3://one/photos/');
    const dialog = await dialogShown('select');
    await eventually(() => field(dialog, 'Version'));
    type(field(dialog, 'Where to'), 'service');
    await eventually(() => field(dialog, 'Destination address'));
    type(field(dialog, 'Destination address'), 'ftp://two/photos/');
    await eventually(() => field(dialog, 'Username'));
    type(field(dialog, 'Username'), 'somebody');
    await start(dialog);
    expect((await asked)!.options).toEqual({
      conflict: 'rename',
      dest_username: 'somebody'
    });
  });

  it('offers what is of use at this end, and what the service can', async () => {
    const asked = send('photos/');
    const dialog = await dialogShown('select');
    await eventually(() => field(dialog, 'ACL'));
    expect(() => field(dialog, 'Version')).toThrow();
    type(field(dialog, 'What to do'), 'sync');
    await eventually(() => field(dialog, 'Files differ if'));
    expect(dialog.textContent).toContain('in a trash');
    api.probe.mockResolvedValue({ ...FOUND, backend: 'ftp' });
    type(field(dialog, 'Address'), 'ftp://two/photos/');
    // It cannot copy, so it cannot keep anything.
    await eventually(() =>
      expect(dialog.textContent).not.toContain('in a trash')
    );
    press(dialog, 'Cancel');
    await asked;
  });

  it('makes up a remote of rclone, its secrets apart', async () => {
    api.probe.mockResolvedValue({ ...FOUND, backend: 'rclone' });
    const asked = from('rclone://cloud/photos/');
    const dialog = await dialogShown('select');
    await eventually(() => field(dialog, 'Kind of remote'));
    await eventually(() =>
      expect(field(dialog, 'Kind of remote').textContent).toContain('webdav')
    );
    type(field(dialog, 'Kind of remote'), 'webdav');
    await eventually(() => field(dialog, 'URL'));
    expect(field(dialog, 'Pass').type).toBe('password');
    type(field(dialog, 'URL'), 'https://dav.example');
    type(field(dialog, 'Pass'), 'hush');
    await eventually(() => expect(field(dialog, 'Pass').value).toBe('hush'));
    await start(dialog);
    expect((await asked)!.options).toEqual({
      conflict: 'rename',
      remote_type: 'webdav',
      remote_options: '{"url":"https://dav.example"}',
      remote_secrets: '{"pass":"hush"}'
    });
  });

  it('suggests addresses that were used before', async () => {
    const asked = from('');
    const dialog = await dialogShown('input');
    const list = field(dialog, 'Address').getAttribute('list')!;
    const values = [...document.getElementById(list)!.children];
    expect(values.map(each => each.getAttribute('value'))).toEqual([
      's3://old/data/'
    ]);
    press(dialog, 'Cancel');
    await asked;
  });
});

describe('folderOfSend', () => {
  it.each([
    ['a.csv', 's3://b/data/', 's3://b/data/'],
    ['a.csv', 's3://b/data/a.csv', 's3://b/data/'],
    ['work/photos', 's3://b/data/photos/', 's3://b/data/'],
    ['a.csv', 's3://b', 's3://b/']
  ])('%s to %s', (source, destination, folder) => {
    expect(folderOfSend(source, destination)).toBe(folder);
  });
});
