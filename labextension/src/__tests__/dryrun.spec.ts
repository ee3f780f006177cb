import { TransferError } from '../api';
import { DryRun } from '../dryrun';
import { settle } from './samples';

const REQUEST = { source: 'a', destination: 's3://b/' };
const OTHER = { source: 'b', destination: 's3://b/' };

describe('DryRun', () => {
  const ask = jest.fn();
  let run: DryRun;

  beforeEach(() => {
    ask.mockReset().mockImplementation(async ({ source }) => ({
      plan: { copy: 1, replace: 2, delete: 0, skip: 3, bytes: 10 },
      entries: [{ path: source, size: 10, action: 'copy' }],
      files: 3,
      bytes: 10
    }));
    run = new DryRun(ask);
  });

  it('adds up the plans of several jobs', async () => {
    await run.look([REQUEST, OTHER]);
    expect(run.resultOf([REQUEST, OTHER])).toMatchObject({
      state: 'known',
      plan: { copy: 2, replace: 4, delete: 0, skip: 6, bytes: 20 },
      entries: [{ path: 'a' }, { path: 'b' }]
    });
  });

  it('takes what a probe says where there is no plan', async () => {
    ask.mockResolvedValueOnce({ entries: [], files: 7, bytes: null });
    await run.look([REQUEST]);
    expect(run.resultOf([REQUEST])).toMatchObject({
      plan: { copy: 7, replace: 0, bytes: null }
    });
  });

  it('knows nothing of what was changed since', async () => {
    await run.look([REQUEST]);
    expect(run.resultOf([OTHER])).toEqual({ state: 'none' });
  });

  it('forgets the answer to what was asked before', async () => {
    let answer: (value: unknown) => void = () => undefined;
    ask.mockImplementationOnce(
      () => new Promise(resolve => (answer = resolve))
    );
    void run.look([REQUEST]);
    await run.look([OTHER]);
    answer({ entries: [], files: 1, bytes: 1 });
    await settle();
    expect(run.resultOf([REQUEST])).toEqual({ state: 'none' });
    expect(run.resultOf([OTHER])).toMatchObject({ state: 'known' });
  });

  it('says why there is no plan', async () => {
    ask.mockRejectedValueOnce(new TransferError({ code: 'dns_failed' }));
    await run.look([REQUEST]);
    expect(run.resultOf([REQUEST])).toMatchObject({
      state: 'failed',
      error: { code: 'dns_failed' }
    });
  });
});
