import type { IJob } from '../job';
import type { Phase } from '../transfer';
import {
  fractionOf,
  fromBatch,
  fromJob,
  secondsLeft,
  sectionOf
} from '../transfer';
import {
  batch,
  failure,
  job,
  progress,
  running,
  transfer,
  item
} from './samples';

const retry = {
  code: 'timeout',
  message: '',
  remedy: '',
  retryable: true,
  detail: {},
  retry_at: '2026-01-01T00:01:00Z'
};

describe('fromJob', () => {
  const cases: [Phase, string, Partial<IJob>][] = [
    ['waiting', 'waiting', { state: 'queued' }],
    ['retrying', 'waiting', { state: 'queued', reason: retry }],
    ['copying', 'running', { state: 'running' }],
    ['paused', 'running', { state: 'paused' }],
    ['asking', 'asking', { state: 'waiting' }],
    ['failed', 'asking', { state: 'failed' }],
    ['done', 'finished', { state: 'done' }],
    ['cancelled', 'finished', { state: 'cancelled' }]
  ];
  it.each(cases)('shows %s among %s', (phase, section, change) => {
    const row = fromJob(job('a', change), null);
    expect(row.phase).toBe(phase);
    expect(sectionOf(row)).toBe(section);
  });

  it('says that it checks when all bytes are here', () => {
    expect(fromJob(running('a', 99, 100), 5).phase).toBe('copying');
    expect(fromJob(running('a', 100, 100), 5).phase).toBe('checking');
  });

  it('knows when the next attempt is', () => {
    const row = fromJob(job('a', { reason: retry, attempt: 2 }), null);
    expect(row.retryAt).toBe(Date.parse('2026-01-01T00:01:00Z'));
    expect(row.attempt).toBe(2);
    expect(row.can.retry).toBe(true);
  });

  it.each([
    ['data/', 'data', 'a.bin'],
    ['', '', 'a.bin'],
    ['data/b.csv', 'data', 'b.csv'],
    ['b.csv', '', 'b.csv'],
    ['data/sub/', 'data/sub', 'a.bin']
  ])('goes to %p: folder %p, name %p', (destination, folder, name) => {
    const row = fromJob(job('a', { destination }), null);
    expect(row.folder).toBe(folder);
    expect(row.name).toBe(name);
  });

  it('leaves a download to the browser: it can only be cancelled', () => {
    const row = fromJob({ ...running('a', 1, 2), kind: 'download' }, null);
    expect(row.folder).toBeNull();
    expect(row.can).toMatchObject({ pause: false, cancel: true, retry: false });
  });

  it('offers what the state allows', () => {
    const can = (change: Partial<IJob>) => fromJob(job('a', change), null).can;
    expect(can({ state: 'running' })).toMatchObject({
      pause: true,
      resume: false,
      cancel: true,
      retry: false,
      remove: false
    });
    expect(can({ state: 'paused' })).toMatchObject({
      pause: false,
      resume: true
    });
    expect(can({ state: 'failed' })).toMatchObject({
      cancel: false,
      retry: true,
      remove: true
    });
    const decision = { ...retry, code: 'needs_decision', retry_at: null };
    expect(can({ state: 'waiting', reason: decision }).approve).toBe(true);
  });

  it('does not show a remark as a failure', () => {
    const remark = { ...retry, code: 'remote_changed', retry_at: null };
    const row = fromJob({ ...running('a', 1, 2), reason: remark }, null);
    expect(row.error).toBeNull();
    expect(row.remark?.code).toBe('remote_changed');
  });

  it('takes less than a byte a second for a standstill', () => {
    expect(fromJob(running('a', 1, 100), 0.4).rate).toBeNull();
    expect(fromJob(running('a', 1, 100), 10).rate).toBe(10);
  });
});

describe('fromBatch', () => {
  it('shows acknowledged bytes and files', () => {
    const row = fromBatch(
      batch('a', { bytesDone: 30, filesDone: 1 }),
      7,
      1,
      null
    );
    expect(row).toMatchObject({
      key: 'upload:a',
      phase: 'copying',
      folder: 'data',
      bytesDone: 30,
      bytesTotal: 100,
      filesDone: 1,
      filesTotal: 2,
      rate: 7
    });
  });

  it('can be retried when it failed, removed when it is over', () => {
    const failed = fromBatch(batch('a', { state: 'failed' }), null, 1, 2);
    expect(failed.can).toMatchObject({
      retry: true,
      remove: true,
      cancel: false
    });
    const skipped = fromBatch(batch('a', { state: 'skipped' }), null, 1, 2);
    expect(sectionOf(skipped)).toBe('finished');
  });

  it.each(['disk_full', 'forbidden', 'session_expired'])(
    'can be retried after %s, which a person mends',
    code => {
      const error = failure(code, { retryable: true });
      const row = fromBatch(batch('a', { state: 'failed', error }), null, 1, 2);
      expect(row.can.retry).toBe(true);
    }
  );

  it('is retried only if that helps at least one file', () => {
    const error = failure('source_changed');
    const lost = { item: item('a'), error };
    const other = {
      item: item('b'),
      error: failure('timeout', { retryable: true })
    };
    const can = (...failures: (typeof lost)[]) =>
      fromBatch(batch('a', { state: 'failed', error, failures }), null, 1, 2)
        .can;
    expect(can(lost, lost)).toMatchObject({ retry: false, remove: true });
    expect(can(lost, other)).toMatchObject({ retry: true, remove: true });
  });
});

describe('fractionOf', () => {
  it('counts bytes, else files of many, else nothing', () => {
    expect(fractionOf(transfer({ bytesDone: 1, bytesTotal: 4 }))).toBe(0.25);
    expect(
      fractionOf(transfer({ bytesTotal: null, filesDone: 1, filesTotal: 2 }))
    ).toBe(0.5);
    expect(
      fractionOf(transfer({ bytesTotal: null, filesDone: 0, filesTotal: 1 }))
    ).toBeNull();
  });

  it('is never more than all', () => {
    expect(fractionOf(transfer({ bytesDone: 9, bytesTotal: 4 }))).toBe(1);
  });
});

describe('secondsLeft', () => {
  it('needs a rate and a total', () => {
    const row = fromJob(
      job('a', {
        state: 'running',
        progress: progress({ bytes_done: 50, bytes_total: 100 })
      }),
      10
    );
    expect(secondsLeft(row)).toBe(5);
    expect(secondsLeft({ ...row, rate: null })).toBeNull();
    expect(secondsLeft({ ...row, bytesTotal: null })).toBeNull();
    expect(secondsLeft({ ...row, phase: 'paused' })).toBeNull();
  });
});
