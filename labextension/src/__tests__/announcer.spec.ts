import { Narrator } from '../announcer';
import { Format } from '../format';
import { fromJob } from '../jobrow';
import { job, running } from './samples';

describe('Narrator', () => {
  let narrator: Narrator;
  const at = (percent: number) => [fromJob(running('a', percent, 100), null)];
  const said = (percent: number) => narrator.tell(at(percent)).polite;

  beforeEach(() => {
    narrator = new Narrator(new Format());
  });

  it('tells the start, the quarters and the end, each once', () => {
    expect(said(0)).toEqual(['a.bin began.']);
    expect(said(10)).toEqual([]);
    expect(said(25)).toEqual(['a.bin: 25%']);
    expect(said(49)).toEqual([]);
    expect(said(60)).toEqual(['a.bin: 60%']);
    expect(said(75)).toEqual(['a.bin: 75%']);
    expect(said(99)).toEqual([]);
    const done = [fromJob(job('a', { state: 'done' }), null)];
    expect(narrator.tell(done).polite).toEqual(['a.bin: Done']);
    expect(narrator.tell(done).polite).toEqual([]);
  });

  it('tells a failure at once, with its reason', () => {
    narrator.tell(at(10));
    const reason = {
      code: 'disk_full',
      message: 'The disk is full.',
      remedy: '',
      retryable: false,
      detail: {}
    };
    const news = narrator.tell([
      fromJob(job('a', { state: 'failed', reason }), null)
    ]);
    expect(news.urgent).toEqual(['a.bin failed. The disk is full.']);
    expect(news.polite).toEqual([]);
  });

  it('is silent about what was over when the page opened', () => {
    const old = [
      fromJob(job('a', { state: 'failed' }), null),
      fromJob(job('b', { state: 'done' }), null)
    ];
    expect(narrator.tell(old)).toEqual({ polite: [], urgent: [] });
  });

  it('sums up when much happens at once', () => {
    const many = Array.from({ length: 12 }, (_, index) =>
      fromJob(running(`j${index}`, 0, 100), null)
    );
    expect(narrator.tell(many).polite).toEqual(['12 transfers changed.']);
  });
});
