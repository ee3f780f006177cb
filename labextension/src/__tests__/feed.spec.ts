import { Signal } from '@lumino/signaling';
import { TransferError } from '../api';
import { JobFeed, JOBS_SCHEMA } from '../feed';
import type { IJobList } from '../job';
import { job, progress, running, settle } from './samples';

describe('JobFeed', () => {
  let fetch: jest.Mock<Promise<IJobList>, [number?]>;
  let stream: Signal<any, any>;
  let feed: JobFeed;

  const emit = (change: any) =>
    stream.emit({
      schema_id: JOBS_SCHEMA,
      revision: 11,
      previous: 10,
      jobs: [],
      removed: [],
      ...change
    });

  beforeEach(async () => {
    jest.useFakeTimers();
    fetch = jest.fn(() =>
      Promise.resolve({ jobs: [running('a', 10, 100)], total: 1, revision: 10 })
    );
    stream = new Signal({});
    feed = new JobFeed({ fetch, stream });
    await feed.refresh();
    fetch.mockClear();
  });

  afterEach(() => {
    feed.dispose();
    jest.useRealTimers();
  });

  it('shows progress of events without asking', async () => {
    const changed = jest.fn();
    feed.changed.connect(changed);
    const moved = progress({ bytes_done: 70, bytes_total: 100 });
    emit({
      jobs: [{ id: 'a', revision: 11, state: 'running', progress: moved }]
    });
    await settle();
    expect(feed.jobs.get('a')!.progress.bytes_done).toBe(70);
    expect(changed).toHaveBeenCalledTimes(1);
    expect(fetch).not.toHaveBeenCalled();
  });

  it('asks for what it missed after a gap', async () => {
    emit({ previous: 14, revision: 15 });
    await settle();
    expect(fetch).toHaveBeenCalledWith(10);
  });

  it('ignores events of others', async () => {
    emit({ schema_id: 'https://example.org/other', previous: 99 });
    await settle();
    expect(fetch).not.toHaveBeenCalled();
  });

  it('asks once more when something changes while a list is under way', async () => {
    emit({ previous: 14, revision: 15 });
    emit({ previous: 15, revision: 16 });
    emit({ previous: 16, revision: 17 });
    await settle();
    expect(fetch).toHaveBeenCalledTimes(2);
  });

  it('says why there is no news, and recovers', async () => {
    fetch.mockRejectedValueOnce(
      new TransferError({ code: 'unreachable', retryable: true })
    );
    await feed.refresh();
    expect(feed.problem?.code).toBe('unreachable');
    expect(feed.jobs.has('a')).toBe(true);
    await feed.refresh();
    expect(feed.problem).toBeNull();
  });

  it('asks every five seconds while live jobs are silent', async () => {
    for (let round = 0; round < 3; round++) {
      await jest.advanceTimersByTimeAsync(5000);
    }
    expect(fetch.mock.calls.length).toBeGreaterThanOrEqual(2);
    expect(fetch).toHaveBeenLastCalledWith(10);
  });

  it('does not ask while events come', async () => {
    for (let second = 0; second < 20; second++) {
      emit({ previous: 10 + second, revision: 11 + second });
      await jest.advanceTimersByTimeAsync(1000);
    }
    expect(fetch).not.toHaveBeenCalled();
  });

  it('asks seldom when nothing is live', async () => {
    fetch.mockResolvedValue({
      jobs: [job('a', { state: 'done', revision: 12 })],
      total: 1,
      revision: 12
    });
    await feed.refresh();
    fetch.mockClear();
    await jest.advanceTimersByTimeAsync(20000);
    expect(fetch).not.toHaveBeenCalled();
    await jest.advanceTimersByTimeAsync(20000);
    expect(fetch).toHaveBeenCalledTimes(1);
  });

  it('is silent once disposed', async () => {
    feed.dispose();
    emit({ previous: 14, revision: 15 });
    await jest.advanceTimersByTimeAsync(60000);
    expect(fetch).not.toHaveBeenCalled();
  });
});
