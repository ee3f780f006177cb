import { fromJob } from '../jobrow';
import { fractionOf, secondsLeft } from '../transfer';
import { job, progress, transfer } from './samples';

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
