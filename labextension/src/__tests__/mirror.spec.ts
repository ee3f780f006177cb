import type { IJobEvent } from '../job';
import { JobMirror } from '../mirror';
import { job, progress, running } from './samples';

function event(change: Partial<IJobEvent>): IJobEvent {
  return { revision: 11, previous: 10, jobs: [], removed: [], ...change };
}

function news(id: string, bytes_done: number, revision: number) {
  return {
    id,
    revision,
    state: 'running' as const,
    progress: progress({ bytes_done, bytes_total: 100 })
  };
}

describe('JobMirror', () => {
  let mirror: JobMirror;

  beforeEach(() => {
    mirror = new JobMirror();
    mirror.merge(
      { jobs: [running('a', 10, 100), job('b')], total: 2, revision: 10 },
      undefined
    );
  });

  it('asks for a list before it has one', () => {
    expect(new JobMirror().advance(event({}))).toBe(false);
  });

  it('takes progress that builds on what it knows', () => {
    expect(mirror.advance(event({ jobs: [news('a', 50, 11)] }))).toBe(true);
    expect(mirror.jobs.get('a')!.progress.bytes_done).toBe(50);
    expect(mirror.revision).toBe(11);
  });

  it('keeps what an event does not carry', () => {
    mirror.advance(event({ jobs: [news('a', 50, 11)] }));
    expect(mirror.jobs.get('a')!.source).toBe('https://example.org/a.bin');
  });

  it('takes removals', () => {
    expect(mirror.advance(event({ removed: ['b'] }))).toBe(true);
    expect(Array.from(mirror.jobs.keys())).toEqual(['a']);
  });

  it('asks for a list after a gap, and changes nothing', () => {
    const gap = event({
      previous: 11,
      revision: 12,
      jobs: [news('a', 60, 12)]
    });
    expect(mirror.advance(gap)).toBe(false);
    expect(mirror.jobs.get('a')!.progress.bytes_done).toBe(10);
    expect(mirror.revision).toBe(10);
  });

  it('asks for a list when a job is new', () => {
    expect(mirror.advance(event({ jobs: [news('new', 1, 11)] }))).toBe(false);
  });

  it('asks for a list when a state changes, because the reason comes with it', () => {
    const failed = { ...news('a', 10, 11), state: 'failed' as const };
    expect(mirror.advance(event({ jobs: [failed] }))).toBe(false);
    expect(mirror.jobs.get('a')!.state).toBe('running');
  });

  it('lets an event pass that a list has overtaken', () => {
    const late = event({ previous: 8, revision: 9, jobs: [news('a', 5, 9)] });
    expect(mirror.advance(late)).toBe(true);
    expect(mirror.jobs.get('a')!.progress.bytes_done).toBe(10);
  });

  it('merges a list of changes', () => {
    const list = {
      jobs: [job('c', { revision: 12 })],
      removed: ['b'],
      total: 1,
      revision: 12
    };
    mirror.merge(list, 10);
    expect(Array.from(mirror.jobs.keys())).toEqual(['a', 'c']);
    expect(mirror.revision).toBe(12);
  });

  it('does not go back when an event overtook the list', () => {
    mirror.advance(event({ jobs: [news('a', 50, 11)] }));
    const old = { ...running('a', 10, 100), revision: 10 };
    mirror.merge({ jobs: [old], total: 1, revision: 10 }, 9);
    expect(mirror.jobs.get('a')!.progress.bytes_done).toBe(50);
    expect(mirror.revision).toBe(11);
  });

  it('starts over with a full list, even of a lower revision', () => {
    mirror.merge({ jobs: [job('z')], total: 1, revision: 3, full: true }, 10);
    expect(Array.from(mirror.jobs.keys())).toEqual(['z']);
    expect(mirror.revision).toBe(3);
  });

  it('asks only once about a job of somebody else', () => {
    const first = event({ jobs: [news('theirs', 1, 11)] });
    expect(mirror.advance(first)).toBe(false);
    mirror.merge({ jobs: [], total: 0, revision: 11 }, 10);
    const next = event({
      previous: 11,
      revision: 12,
      jobs: [news('theirs', 2, 12), news('a', 40, 12)]
    });
    expect(mirror.advance(next)).toBe(true);
    expect(mirror.jobs.has('theirs')).toBe(false);
    expect(mirror.jobs.get('a')!.progress.bytes_done).toBe(40);
  });

  it('does not take a job for a stranger that the list is too old to hold', () => {
    mirror.advance(event({ jobs: [news('new', 1, 11)] }));
    mirror.merge({ jobs: [], total: 0, revision: 10 }, 10);
    mirror.merge({ jobs: [running('new', 1, 9)], total: 1, revision: 11 }, 10);
    expect(mirror.jobs.has('new')).toBe(true);
  });
});
