import { sectionOf } from '../transfer';
import { fromBatch } from '../uploadrow';
import { batch, failure, item } from './samples';

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
