import { explain } from '../errors';
import { Format } from '../format';
import { planOf, planText, planWarnings } from '../planwords';
import { failure } from './samples';

describe('planText', () => {
  const text = (copy: number, replace: number, removed: number, bytes = 4096) =>
    planText({ copy, replace, delete: removed, bytes }, new Format());

  it('says the worst first, and the noun once', () => {
    expect(text(3, 1, 2)).toBe(
      '2 files would be deleted, 1 replaced, 3 copied (4 kB)'
    );
    expect(text(0, 0, 1)).toBe('One file would be deleted');
    expect(text(1, 0, 0)).toBe('One file would be copied (4 kB)');
    expect(text(12_000, 1_000, 0)).toBe(
      '1,000 files would be replaced, 12,000 copied (4 kB)'
    );
    expect(text(0, 0, 0)).toBe('Nothing would be changed');
  });
});

describe('planOf', () => {
  const detail = { kind: 'plan', copy: 0, replace: 0, delete: 5, bytes: 0 };

  it('finds the plan of a decision', () => {
    const error = failure('needs_decision', { detail });
    expect(planOf(error)).toMatchObject({ delete: 5, bytes: 0 });
    expect(explain(error, new Format()).what).toBe('5 files would be deleted');
  });

  it('warns of what cannot be undone, and of an empty source', () => {
    const warnings = (more: object) =>
      planWarnings(
        planOf(failure('needs_decision', { detail: { ...detail, ...more } }))!,
        new Format()
      );
    expect(warnings({})).toEqual([
      'What is deleted or replaced cannot be brought back.'
    ]);
    expect(warnings({ trash: 'transfer-trash', source_files: 0 })).toEqual([
      expect.stringContaining('no files at all'),
      'What is deleted or replaced is kept in transfer-trash.'
    ]);
    expect(warnings({ delete: 0 })).toEqual([]);
    expect(warnings({ delete: 1100, target_files: 2000 })[0]).toBe(
      '1,100 of the 2,000 files at the destination would be deleted. ' +
        'Is the source the right one, and complete?'
    );
    for (const usual of [
      { delete: 1000, target_files: 2000 },
      { delete: 10, target_files: 10 }
    ]) {
      expect(warnings(usual)).toHaveLength(1);
    }
    expect(warnings({ folders: 1, fail: 1200 }).slice(0, 2)).toEqual([
      'One folder is empty then, and is removed.',
      '1,200 files cannot be copied: a file and a folder have the same name.'
    ]);
  });

  it('finds none in what is no plan', () => {
    expect(planOf(null)).toBeNull();
    expect(planOf(failure('disk_full', { detail }))).toBeNull();
    const host = failure('needs_decision', { detail: { kind: 'host_key' } });
    expect(planOf(host)).toBeNull();
  });
});
