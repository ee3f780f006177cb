import { Format } from '../format';
import type { IJob } from '../job';
import { fromJob } from '../jobrow';
import type { Phase } from '../transfer';
import { isMoving, sectionOf } from '../transfer';
import { destinationText } from '../words';
import { job, running } from './samples';

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

  it.each(['planning', 'deleting'] as const)('says that it is %s', phase => {
    const row = fromJob(job('a', { state: 'running', phase }), null);
    expect(row.phase).toBe(phase);
    expect(isMoving(row)).toBe(true);
    expect(fromJob(job('a', { phase: null }), null).phase).not.toBe(phase);
  });

  it.each([
    ['https://hub.example/acme/owl/tree/main', 'owl'],
    ['https://hub.example/acme/owl/tree/main/data', 'data'],
    ['https://hub.example/tree/main', 'main'],
    ['hf://acme/owl', 'owl']
  ])('calls what comes from %s %s', (source, name) => {
    const row = fromJob(job('a', { source, destination: 'd/' }), null);
    expect(row.name).toBe(name);
  });

  it('goes into the cache of a client, and shows no folder for it', () => {
    const change = { options: { target: 'cache' }, state: 'done' as const };
    const row = fromJob(job('a', { ...change, kind: 'fetch' }), null);
    expect(row.cached).toBe(true);
    expect(row.arrived).toBe(false);
    const shown = destinationText(row, new Format());
    expect(shown).toBe('into the cache');
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
    const locked = { ...decision, code: 'needs_credentials' };
    expect(can({ state: 'waiting', reason: locked })).toMatchObject({
      approve: false,
      authenticate: true
    });
    expect(can({ state: 'failed', reason: locked }).authenticate).toBe(false);
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
