import { Signal } from '@lumino/signaling';
import { TransferError } from '../api';
import type { IJob } from '../job';
import { TransferModel } from '../model';
import { fractionOf } from '../transfer';
import { batch, job, progress, running, settle, Uploads } from './samples';

class Feed {
  jobs = new Map<string, IJob>();
  problem: TransferError | null = null;
  readonly changed = new Signal<any, void>(this);
  readonly refresh = jest.fn(() => Promise.resolve());

  set(...jobs: IJob[]): void {
    this.jobs = new Map(jobs.map(each => [each.id, each]));
    this.changed.emit();
  }
}

describe('TransferModel', () => {
  let feed: Feed;
  let uploads: Uploads;
  let model: TransferModel;
  const api = {
    changeJob: jest.fn(() => Promise.resolve(job('a'))),
    deleteJob: jest.fn(() => Promise.resolve()),
    tuneJob: jest.fn(() => Promise.resolve(job('a'))),
    jobFiles: jest.fn(() => Promise.resolve({ files: [] as any[], total: 0 }))
  };

  beforeEach(() => {
    jest.useFakeTimers();
    jest.clearAllMocks();
    feed = new Feed();
    uploads = new Uploads();
    model = new TransferModel({ api, feed, uploader: uploads as any });
  });

  afterEach(() => {
    model.dispose();
    jest.useRealTimers();
  });

  it('shows jobs and uploads in one list, in sections', () => {
    feed.set(
      job('waits'),
      running('runs', 10, 100),
      job('failed', { state: 'failed' }),
      job('done', { state: 'done', finished: '2026-01-02T00:00:00Z' })
    );
    uploads.batches = [batch('up')];
    uploads.changed.emit();
    expect(model.section('running').map(t => t.key)).toEqual([
      'job:runs',
      'upload:up'
    ]);
    expect(model.section('waiting').map(t => t.key)).toEqual(['job:waits']);
    expect(model.section('asking').map(t => t.key)).toEqual(['job:failed']);
    expect(model.section('finished').map(t => t.key)).toEqual(['job:done']);
  });

  it('puts the newest result first', () => {
    feed.set(
      job('old', { state: 'done', finished: '2026-01-01T00:00:00Z' }),
      job('new', { state: 'done', finished: '2026-01-02T00:00:00Z' })
    );
    expect(model.transfers.map(t => t.key)).toEqual(['job:new', 'job:old']);
  });

  it('counts acknowledged bytes, and takes the rate from the wire', () => {
    const up = { bytesDone: 30000, bytesTotal: 100000 };
    for (const rate of [9000, 10000]) {
      // No byte is acknowledged in between, and yet it moves.
      uploads.batches = [batch('up', { ...up, rate })];
      uploads.changed.emit();
      const row = model.get('upload:up')!;
      expect(row.bytesDone).toBe(30000);
      expect(row.rate).toBe(rate);
      expect(model.summary.rate).toBe(rate);
      expect(model.summary.left).toBeCloseTo(70000 / rate, 1);
    }
  });

  it('knows the rate anew each second, without news', () => {
    const up = batch('up', { bytesTotal: 100000 });
    uploads.batches = [up];
    uploads.changed.emit();
    expect(model.get('upload:up')!.rate).toBeNull();
    Object.assign(up, { rate: 5000 });
    jest.advanceTimersByTime(1000);
    expect(model.get('upload:up')!.rate).toBe(5000);
  });

  it('has no rate for an upload that stands still', () => {
    uploads.batches = [
      batch('silent', { bytesDone: 50, rate: 0 }),
      batch('paused', { state: 'paused', bytesDone: 50, rate: 5000 }),
      batch('checking', { state: 'checking', bytesDone: 100, rate: 5000 })
    ];
    uploads.changed.emit();
    expect(model.transfers.map(t => t.rate)).toEqual([null, null, null]);
  });

  it('finds the rate of a job from the bytes that are done', () => {
    feed.set(running('a', 0, 100000));
    for (let tick = 1; tick <= 30; tick++) {
      jest.advanceTimersByTime(100);
      feed.set(running('a', tick * 1000, 100000));
    }
    const row = model.get('job:a')!;
    expect(row.rate).toBeGreaterThan(9000);
    expect(row.rate).toBeLessThan(11000);
    expect(model.summary.left).toBeCloseTo(70000 / row.rate!, 1);
  });

  it('uses the rate of the server until it has measured itself', () => {
    feed.set(
      job('a', {
        state: 'running',
        progress: progress({ bytes_done: 1, bytes_total: 100, rate: 5000 })
      })
    );
    expect(model.get('job:a')!.rate).toBe(5000);
  });

  it('never lets the common bar run backwards when one is done', () => {
    feed.set(running('a', 90, 100), running('b', 0, 100));
    expect(model.summary.fraction).toBeCloseTo(0.45);
    const done = { state: 'done' as const, finished: '2026-01-02T00:00:00Z' };
    feed.set({ ...running('a', 100, 100), ...done }, running('b', 0, 100));
    expect(model.summary.fraction).toBeCloseTo(0.5);
    feed.set(
      { ...running('a', 100, 100), ...done },
      { ...running('b', 100, 100), ...done }
    );
    expect(model.summary.fraction).toBeNull();
  });

  it('changes nothing by itself: acts go to the server, news come back', async () => {
    feed.set(running('a', 10, 100));
    await model.pause('job:a');
    expect(api.changeJob).toHaveBeenCalledWith('a', 'pause');
    expect(feed.refresh).toHaveBeenCalledTimes(1);
    expect(model.get('job:a')!.phase).toBe('copying');
  });

  it('acts on uploads in the browser', async () => {
    const up = batch('up');
    uploads.batches = [up];
    uploads.changed.emit();
    await model.pause('upload:up');
    await model.resume('upload:up');
    await model.retry('upload:up');
    await model.cancel('upload:up');
    expect(up.pause).toHaveBeenCalledTimes(1);
    expect(up.resume).toHaveBeenCalledTimes(1);
    expect(up.retry).toHaveBeenCalledTimes(1);
    expect(up.cancel).toHaveBeenCalledTimes(1);
    expect(api.changeJob).not.toHaveBeenCalled();
  });

  it('reports why an act failed, after bringing the list up to date', async () => {
    feed.set(running('a', 10, 100));
    api.changeJob.mockRejectedValueOnce(
      new TransferError({ code: 'conflict' })
    );
    await expect(model.pause('job:a')).rejects.toMatchObject({
      code: 'conflict'
    });
    expect(feed.refresh).toHaveBeenCalledTimes(1);
  });

  it('clears what is finished, and leaves what failed', async () => {
    feed.set(
      job('done', { state: 'done' }),
      job('cancelled', { state: 'cancelled' }),
      job('failed', { state: 'failed' }),
      running('runs', 1, 2)
    );
    uploads.batches = [batch('up', { state: 'done' })];
    uploads.changed.emit();
    await model.clearFinished();
    expect(api.deleteJob.mock.calls.flat().sort()).toEqual([
      'cancelled',
      'done'
    ]);
    expect(uploads.remove).toHaveBeenCalledWith('up');
  });

  it('pauses what runs and waits, resumes what is paused', async () => {
    feed.set(
      running('runs', 1, 2),
      job('waits'),
      job('paused', { state: 'paused' }),
      job('asks', { state: 'waiting' })
    );
    await model.pauseAll();
    expect(api.changeJob.mock.calls).toEqual([
      ['runs', 'pause'],
      ['waits', 'pause']
    ]);
    api.changeJob.mockClear();
    await model.resumeAll();
    expect(api.changeJob.mock.calls).toEqual([['paused', 'resume']]);
  });

  it('is alarmed by a failure until somebody looks', () => {
    feed.set(running('a', 1, 2));
    expect(model.alarmed).toBe(false);
    feed.set(job('a', { state: 'failed' }));
    expect(model.alarmed).toBe(true);
    model.look();
    expect(model.alarmed).toBe(false);
    feed.set(job('a', { state: 'failed' }));
    expect(model.alarmed).toBe(false);
  });

  it('is not alarmed by what had failed before the page was opened', () => {
    feed.set(job('a', { state: 'failed' }));
    expect(model.alarmed).toBe(false);
  });

  it('counts down while something retries, and rests when nothing moves', () => {
    const changed = jest.fn();
    feed.set(
      job('a', {
        reason: {
          code: 'timeout',
          message: '',
          remedy: '',
          retryable: true,
          detail: {},
          retry_at: '2026-01-01T00:01:00Z'
        }
      })
    );
    model.stateChanged.connect(changed);
    jest.advanceTimersByTime(3000);
    expect(changed).toHaveBeenCalledTimes(3);
    feed.set(job('a', { state: 'done' }));
    changed.mockClear();
    jest.advanceTimersByTime(10000);
    expect(changed).not.toHaveBeenCalled();
  });

  it('finds what arrived: from the report of a job, from the results of an upload', async () => {
    feed.set(job('a', { state: 'done' }), running('b', 1, 2));
    api.jobFiles.mockResolvedValueOnce({
      files: [{ path: 'data/a (1).bin' }],
      total: 1
    });
    expect(await model.locate('job:a')).toBe('data/a (1).bin');
    expect(await model.locate('job:b')).toBeNull();
    uploads.batches = [
      batch('up', { results: ['data/photos/a.jpg', 'data/photos/b.jpg'] }),
      batch('one', { results: ['data/x.csv'], filesTotal: 1 })
    ];
    uploads.changed.emit();
    await settle();
    expect(await model.locate('upload:up')).toBe('data/photos');
    expect(await model.locate('upload:one')).toBe('data/x.csv');
  });

  it('shows what an earlier page left, and gives it up', async () => {
    const leftover = {
      id: 'x',
      name: 'big.bin',
      relativePath: 'big.bin',
      destination: 'data',
      conflict: 'rename' as const,
      size: 200,
      offset: 126,
      canReopen: false
    };
    uploads.leftovers = [leftover];
    uploads.changed.emit();
    const [row] = model.section('asking');
    expect(row).toMatchObject({ name: 'big.bin', folder: 'data' });
    expect(fractionOf(row)).toBe(0.63);
    expect(model.leftover(row.key)).toBe(leftover);
    await model.remove(row.key);
    expect(uploads.discard).toHaveBeenCalledWith('x');
    expect(api.deleteJob).not.toHaveBeenCalled();
  });
});
