/**
 * A row of a report in words.
 */

import { doubtText } from './doubts';
import { explain } from './errors';
import type { Format } from './format';
import type { IJobFile } from './job';
import { actionText } from './planwords';

/** `Done`, `Failed`, `to delete`: what became of a file, or would. */
export function fileStateText(file: IJobFile, format: Format): string {
  const { trans } = format;
  switch (file.state) {
    case 'planned':
      return actionText(file.action, true, format) || trans.__('planned');
    case 'done':
      return actionText(file.action, false, format) || trans.__('Done');
    case 'present':
      return trans.__('Already there');
    case 'skipped':
      return trans.__('Skipped');
    case 'failed':
      return trans.__('Failed');
    case 'cancelled':
      return trans.__('Cancelled');
    case 'running':
      return trans.__('Copying');
    default:
      return file.state;
  }
}

/** Whether a file that arrived is verified; '' where that is no question. */
export function fileVerdict(file: IJobFile, format: Format): string {
  const { trans } = format;
  if (file.verified) {
    return trans.__('verified ✓');
  }
  const arrived = ['done', 'present'].includes(file.state);
  return arrived && file.action !== 'delete' ? trans.__('not verifiable') : '';
}

/** What there is to say beyond a line: error and remedy, why it is not verified. */
export function fileNotes(file: IJobFile, format: Format): readonly string[] {
  const { trans } = format;
  const notes: string[] = [];
  if (file.error) {
    const { what, remedy } = explain(file.error, format);
    notes.push(what, remedy);
  }
  if (fileVerdict(file, format) && !file.verified) {
    notes.push(doubtText(file.unverified, trans));
  }
  if (file.trash) {
    notes.push(trans.__('It lies in %1 now.', file.trash));
  }
  if (file.digest) {
    notes.push(trans.__('Checksum: %1', file.digest));
  }
  return notes.filter(Boolean);
}
