import { job, progress } from '../../__tests__/samples';
import { readFolder, readJob, readJobs } from '../mime';

const ID = 'a'.repeat(32);

describe('readJob', () => {
  it('reads what the kernel wrote', () => {
    const seen = readJob({
      version: 1,
      where: 'kernel',
      at: '2026-11-27T17:00:00Z',
      job: job(ID, { state: 'done', progress: progress({ bytes_done: 7 }) })
    });
    expect(seen?.where).toBe('kernel');
    expect(seen?.at).toBe(Date.UTC(2026, 10, 27, 17));
    expect(seen?.job.state).toBe('done');
    expect(seen?.job.progress.bytes_done).toBe(7);
  });

  it.each([
    ['nothing', undefined],
    ['a text', 'job'],
    ['no job', { job: null }],
    ['a state that is none', { job: { id: ID, state: 'odd' } }],
    ['an id that is none', { job: { id: '../../x', state: 'done' } }]
  ])('refuses %s', (_, value) => {
    expect(readJob(value)).toBeNull();
  });

  it('believes no type', () => {
    const seen = readJob({
      at: 5,
      job: { id: ID, state: 'failed', source: {}, progress: [], reason: 'x' }
    });
    expect(seen?.job.source).toBe('');
    expect(seen?.job.progress.bytes_total).toBeNull();
    expect(seen?.job.reason).toBeNull();
  });
});

describe('readFolder', () => {
  it.each([
    ['data/x', 'data/x'],
    ['', ''],
    ['/data/', 'data'],
    ['../x', null],
    [7, null]
  ])('of %p is %p', (folder, read) => {
    expect(readFolder({ folder })).toBe(read);
  });
});

describe('readJobs', () => {
  it('reads the jobs that can be shown', () => {
    const jobs = [job(ID), { id: 7 }, null, job('b'.repeat(32))];
    const told = readJobs({ at: '2026-11-27T17:00:00Z', jobs, more: -1 });
    expect(told?.jobs.map(seen => seen.where)).toEqual(['server', 'server']);
    expect(told?.jobs[1].at).toBe(Date.UTC(2026, 10, 27, 17));
    expect(told?.more).toBe(0);
  });

  it('refuses what is no list', () => {
    expect(readJobs({ jobs: {} })).toBeNull();
    expect(readJobs(undefined)).toBeNull();
  });
});
