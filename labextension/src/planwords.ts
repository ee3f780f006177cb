/**
 * Plans in words: `2 files would be deleted, 1 replaced, 3 copied (4 KB)`.
 */

import type { Format } from './format';
import type { IJobPlan, IPush } from './job';
import type { ITransferErrorData } from './uploads/tokens';

/** Files whose deletion is no reason to wonder, even if they are most. */
const FEW = 10;

/** The plan that a job waits with; null if it waits for something else. */
export function planOf(error: ITransferErrorData | null): IJobPlan | null {
  const { detail } = error ?? {};
  if (error?.code !== 'needs_decision' || detail?.['kind'] !== 'plan') {
    return null;
  }
  const count = (name: string) => Number(detail[name] ?? 0);
  const known = (name: string) =>
    typeof detail[name] === 'number' ? (detail[name] as number) : null;
  return {
    copy: count('copy'),
    replace: count('replace'),
    delete: count('delete'),
    skip: count('skip'),
    fail: count('fail'),
    folders: count('folders'),
    bytes: known('bytes'),
    source_files: known('source_files'),
    target_files: known('target_files'),
    trash: typeof detail['trash'] === 'string' ? detail['trash'] : null
  };
}

/** What would be done, the worst first. */
export function planText(plan: IJobPlan, format: Format): string {
  const { trans } = format;
  const count = (value: number) => format.count(value);
  // Only the first says what is counted.
  const parts: [number, string, string][] = [
    [
      plan.delete,
      trans._n(
        'one file would be deleted',
        '%2 files would be deleted',
        plan.delete,
        count(plan.delete)
      ),
      trans.__('%1 deleted', count(plan.delete))
    ],
    [
      plan.replace,
      trans._n(
        'one file would be replaced',
        '%2 files would be replaced',
        plan.replace,
        count(plan.replace)
      ),
      trans.__('%1 replaced', count(plan.replace))
    ],
    [
      plan.copy,
      trans._n(
        'one file would be copied',
        '%2 files would be copied',
        plan.copy,
        count(plan.copy)
      ),
      trans.__('%1 copied', count(plan.copy))
    ]
  ];
  const due = parts.filter(([number]) => number > 0);
  if (due.length === 0) {
    return trans.__('Nothing would be changed');
  }
  const text = due
    .map(([, first, other], index) => (index ? other : capital(first)))
    .reduce((before, part) => trans.__('%1, %2', before, part));
  const moves = plan.copy + plan.replace > 0 && plan.bytes !== null;
  return moves ? trans.__('%1 (%2)', text, format.bytes(plan.bytes!)) : text;
}

/** Where a push goes, and what it sends beside files. */
export function pushText(push: IPush, format: Format): string {
  const { trans } = format;
  const { branch, commit_count, objects } = push;
  const where = push.new_branch
    ? trans.__('To %1, a new branch', branch)
    : trans.__('To the branch %1', branch);
  const parts = [
    trans._n(
      'one commit',
      '%2 commits',
      commit_count,
      format.count(commit_count)
    )
  ];
  if (objects > 0) {
    parts.push(
      trans._n(
        'one large file of LFS (%3)',
        '%2 large files of LFS (%3)',
        objects,
        format.count(objects),
        format.bytes(push.object_bytes)
      )
    );
  }
  return [where, ...parts].reduce((before, part) =>
    trans.__('%1, %2', before, part)
  );
}

/** What to know before saying yes, one sentence each. */
export function planWarnings(
  plan: IJobPlan,
  format: Format
): readonly string[] {
  const { trans } = format;
  const warnings: string[] = [];
  if (plan.source_files === 0) {
    warnings.push(
      trans.__(
        'The source has no files at all. Is it the right one, and is its disk there?'
      )
    );
  }
  const { folders = 0, fail = 0, target_files } = plan;
  if (target_files && plan.delete > FEW && 2 * plan.delete > target_files) {
    warnings.push(
      trans.__(
        '%1 of the %2 files at the destination would be deleted. Is the source the right one, and complete?',
        format.count(plan.delete),
        format.count(target_files)
      )
    );
  }
  if (folders > 0) {
    warnings.push(
      trans._n(
        'One folder is empty then, and is removed.',
        '%2 folders are empty then, and are removed.',
        folders,
        format.count(folders)
      )
    );
  }
  if (fail > 0) {
    warnings.push(
      trans._n(
        'One file cannot be copied: a file and a folder have the same name.',
        '%2 files cannot be copied: a file and a folder have the same name.',
        fail,
        format.count(fail)
      )
    );
  }
  if (plan.delete + plan.replace > 0) {
    warnings.push(
      plan.trash
        ? trans.__('What is deleted or replaced is kept in %1.', plan.trash)
        : trans.__('What is deleted or replaced cannot be brought back.')
    );
  }
  return warnings;
}

/** What is, or would be, done to one file. */
export function actionText(
  action: string | null | undefined,
  planned: boolean,
  format: Format
): string {
  const { trans } = format;
  switch (action) {
    case 'delete':
      return planned ? trans.__('to delete') : trans.__('deleted');
    case 'replace':
      return planned ? trans.__('to replace') : trans.__('replaced');
    case 'fail':
      return trans.__('cannot be copied');
    case 'copy':
      return planned ? trans.__('to copy') : trans.__('copied');
    default:
      return '';
  }
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
