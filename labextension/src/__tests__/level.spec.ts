/** Looking around in a service: what is above, what is dropped, what comes first. */

import { TransferError } from '../api';
import type { IBrowse } from '../job';
import { above, asFolder, Browser, isPlace } from '../level';
import { settle } from './samples';

function entry(path: string, address: string) {
  return {
    path,
    address,
    folder: path.endsWith('/'),
    size: path.endsWith('/') ? null : 3,
    mtime_ns: null
  };
}

function answer(...entries: IBrowse['entries']): IBrowse {
  return { backend: 's3', title: '', entries, complete: true };
}

describe('above', () => {
  it.each([
    ['s3://bucket/a/b/', 's3://bucket/a/'],
    ['s3://bucket/a/b.csv', 's3://bucket/a/'],
    ['s3://bucket/a/', 's3://bucket/'],
    ['s3://bucket/a//', 's3://bucket/a/'],
    ['s3://bucket/what?/x#1', 's3://bucket/what?/'],
    ['s3://bucket/', 's3://'],
    ['s3://bucket', 's3://'],
    ['s3://', null],
    ['rclone://cloud/', 'rclone://'],
    ['rclone://', null],
    ['sftp://me@host:22/a%20b/c/', 'sftp://me@host:22/a%20b/'],
    ['sftp://host/', null],
    ['https://host/a/b?token=x/y', 'https://host/a/'],
    ['https://host', null],
    ['nonsense', null]
  ])('%s is %s', (address, parent) => {
    expect(above(address)).toBe(parent);
  });
});

describe('asFolder', () => {
  it.each([
    ['s3:', 's3://'],
    ['s3://', 's3://'],
    ['s3://bucket', 's3://bucket/'],
    ['s3://bucket/a?', 's3://bucket/a?/'],
    ['ftp://host/a/', 'ftp://host/a/'],
    ['https://host/a', 'https://host/a/'],
    ['https://host/list?of=a', 'https://host/list?of=a']
  ])('of %s is %s', (address, folder) => {
    expect(asFolder(address)).toBe(folder);
  });
});

it('knows where files can lie', () => {
  expect(['s3://', 'rclone://', 's3://b/', 'ftp://h'].map(isPlace)).toEqual([
    false,
    false,
    true,
    true
  ]);
});

describe('Browser', () => {
  const browse = jest.fn();
  let browser: Browser;

  beforeEach(() => {
    browse.mockReset();
    browser = new Browser(browse, 'en');
  });

  afterEach(() => browser.dispose());

  it('shows folders first, in the order of people', async () => {
    browse.mockResolvedValue(
      answer(
        ...['b10', 'z/', 'b9', 'A/'].map(path => entry(path, `s3://b/${path}`))
      )
    );
    await browser.open('s3://b/');
    const { level } = browser;
    const paths = level.state === 'listed' && level.entries.map(e => e.path);
    expect(paths).toEqual(['A/', 'z/', 'b9', 'b10']);
  });

  it('drops what an earlier click asked for, also its failure', async () => {
    const first = new Promise<IBrowse>((_, reject) => {
      setTimeout(() => reject(new TransferError({ code: 'timeout' })), 20);
    });
    browse.mockReturnValueOnce(first);
    browse.mockResolvedValueOnce(answer(entry('x', 's3://b/new/x')));
    const slow = browser.open('s3://b/old/');
    await browser.open('s3://b/new/');
    await slow;
    expect(browser.level).toMatchObject({
      state: 'listed',
      address: 's3://b/new/'
    });
  });

  it('drops an answer that comes after it was closed', async () => {
    browse.mockResolvedValue(answer());
    const asked = browser.open('s3://b/');
    browser.close();
    await asked;
    expect(browser.level.state).toBe('closed');
  });

  it('goes up to the folder that it came from', async () => {
    browse.mockImplementation(async address =>
      address === 's3://b/'
        ? answer(entry('a/', 's3://b/a/'), entry('c/', 's3://b/c/'))
        : answer()
    );
    await browser.open('s3://b/c/');
    browser.up();
    await settle();
    expect(browser.level).toMatchObject({ address: 's3://b/', current: 1 });
  });

  it('stays known to the host that it looks around in, and to no other', async () => {
    browse.mockResolvedValue(
      answer(
        entry('a/', 'ftp://host/a/'),
        entry('b', 'ftp://host.example/b'),
        entry('c', 'ftp://other/c')
      )
    );
    await browser.open('ftp://me:hush@host/');
    const { level } = browser;
    expect(
      level.state === 'listed' && level.entries.map(each => each.address)
    ).toEqual([
      'ftp://me:hush@host/a/',
      'ftp://host.example/b',
      'ftp://other/c'
    ]);
  });

  it('tries again what failed', async () => {
    browse.mockRejectedValueOnce(new TransferError({ code: 'timeout' }));
    browse.mockResolvedValueOnce(answer());
    await browser.open('s3://b/');
    expect(browser.level.state).toBe('failed');
    browser.again();
    await settle();
    expect(browser.level.state).toBe('listed');
  });
});
