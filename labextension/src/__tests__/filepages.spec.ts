import { TransferError } from '../api';
import { FilePages, PAGE } from '../filepages';
import type { IFileQuery } from '../job';
import { settle } from './samples';

const TOTAL = 100_000;

function rows({ offset = 0, limit, state }: IFileQuery) {
  const total = state ? 3 : TOTAL;
  const count = Math.max(0, Math.min(limit, total - offset));
  const files = Array.from({ length: count }, (_, n) => ({
    path: `${state ?? 'all'}/${offset + n}`,
    size: 1,
    state: state ?? 'done'
  }));
  return Promise.resolve({ files, total });
}

describe('FilePages', () => {
  const ask = jest.fn(rows);
  let pages: FilePages;

  beforeEach(() => {
    ask.mockReset().mockImplementation(rows);
    pages = new FilePages(ask);
  });

  afterEach(() => pages.dispose());

  it('fetches what is looked at, once', async () => {
    pages.need(0, 20);
    pages.need(5, 25);
    await settle();
    pages.need(10, 30);
    expect(ask.mock.calls).toEqual([
      [{ limit: PAGE, offset: 0, state: undefined }]
    ]);
    expect(pages.total).toBe(TOTAL);
    expect(pages.row(7)!.path).toBe('all/7');
    expect(pages.row(PAGE)).toBeUndefined();
  });

  it('fetches two pages where the window stands on their border', async () => {
    pages.need(PAGE - 5, PAGE + 5);
    await settle();
    expect(pages.row(PAGE - 1)!.path).toBe(`all/${PAGE - 1}`);
    expect(pages.row(PAGE)!.path).toBe(`all/${PAGE}`);
  });

  it('keeps a few pages only', async () => {
    for (let page = 0; page < 100; page++) {
      pages.need(page * PAGE, page * PAGE + 1);
      await settle();
    }
    expect(pages.row(0)).toBeUndefined();
    expect(pages.row(99 * PAGE)).toBeDefined();
  });

  it('shows one state, and no answer to what was asked before', async () => {
    let answer: (value: any) => void = () => undefined;
    ask.mockImplementationOnce(
      () => new Promise(resolve => (answer = resolve))
    );
    pages.need(0, 1);
    pages.state = 'failed';
    await settle();
    answer(await rows({ limit: PAGE }));
    await settle();
    expect(pages.total).toBe(3);
    expect(pages.row(0)!.path).toBe('failed/0');
  });

  it('keeps the old rows until news are there', async () => {
    pages.need(0, 10);
    await settle();
    ask.mockImplementation(async () => ({
      files: [{ path: 'new', size: 1, state: 'failed' }],
      total: 1
    }));
    pages.refresh();
    expect(pages.row(0)!.path).toBe('all/0');
    await settle();
    expect(pages.row(0)!.path).toBe('new');
    expect(pages.total).toBe(1);
  });

  it('says what failed, and forgets it when it works again', async () => {
    ask.mockRejectedValueOnce(new TransferError({ code: 'unreachable' }));
    pages.need(0, 1);
    await settle();
    expect(pages.problem!.code).toBe('unreachable');
    pages.refresh();
    await settle();
    expect(pages.problem).toBeNull();
    expect(pages.row(0)).toBeDefined();
  });
});
