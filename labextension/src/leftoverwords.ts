/**
 * What the dialog of leftovers says.
 */

import { explain } from './errors';
import type { Format } from './format';
import type { IRemain, Leftovers } from './leftovers';
import { folderName, folderOf } from './names';

/** The folder whose staging folder holds `entry`; of one at a service its address. */
export function leftoverName(entry: IRemain): string {
  return entry.where === 'disk'
    ? folderName(folderOf(folderOf(entry.path)))
    : entry.path;
}

/** Where `entry` is and since when, or why it could not be removed. */
export function leftoverFacts(
  leftovers: Leftovers,
  entry: IRemain,
  format: Format
): string {
  const { trans } = format;
  const failure = leftovers.failure(entry);
  if (leftovers.isBusy(entry)) {
    return trans.__('Removing…');
  }
  if (failure) {
    return trans.__('Not removed: %1', explain(failure, format).what);
  }
  return [
    entry.where === 'disk'
      ? trans.__('on the disk of the server')
      : trans.__('at a service'),
    trans.__('last written to %1', format.dateTime(Date.parse(entry.modified)))
  ].join(' · ');
}

/** The chosen entry in full. */
export function leftoverNotes(
  leftovers: Leftovers,
  entry: IRemain,
  format: Format
): readonly string[] {
  const { trans } = format;
  const failure = leftovers.failure(entry);
  const notes: string[] = [];
  if (failure) {
    const { what, remedy } = explain(failure, format);
    notes.push(format.sentences(what, remedy));
  } else if (entry.size === null) {
    notes.push(trans.__('The service does not say how much it is.'));
  }
  if (leftovers.canForget(entry)) {
    notes.push(
      trans.__(
        '“Forget” only takes it off this list: what lies at the service stays there.'
      )
    );
  }
  return notes;
}

/** What there is in all, or what goes on. */
export function leftoverTotals(leftovers: Leftovers, format: Format): string {
  const { trans } = format;
  const { entries, isLooking, problem, progress } = leftovers;
  if (isLooking) {
    return trans.__('Looking for leftovers…');
  }
  if (progress) {
    const { done, total } = progress;
    return trans.__(
      'Removing: %1 of %2…',
      format.count(done),
      format.count(total)
    );
  }
  if (!entries) {
    return '';
  }
  if (entries.length === 0 && !problem) {
    return emptyText(leftovers, format);
  }
  const failed = entries.filter(entry => leftovers.failure(entry)).length;
  return [
    countText(entries, format),
    ...sizeTexts(entries, format),
    failed > 0
      ? trans._n(
          'one could not be removed',
          '%2 could not be removed',
          failed,
          format.count(failed)
        )
      : ''
  ]
    .filter(Boolean)
    .join(' · ');
}

/** How the list became empty. */
function emptyText(leftovers: Leftovers, format: Format): string {
  const { trans } = format;
  const { cleaned, forgotten, isComplete } = leftovers;
  if (forgotten > 0 || (cleaned.count > 0 && !isComplete)) {
    return format.sentences(
      cleaned.count > 0
        ? trans._n(
            'One leftover was removed (%2).',
            '%3 leftovers were removed (%2).',
            cleaned.count,
            format.bytes(cleaned.bytes),
            format.count(cleaned.count)
          )
        : '',
      forgotten > 0
        ? trans._n(
            'One is only off this list: it still lies at its service.',
            '%2 are only off this list: they still lie at their services.',
            forgotten,
            format.count(forgotten)
          )
        : ''
    );
  }
  return cleaned.count > 0
    ? trans._n(
        'All clean: one leftover was removed (%2).',
        'All clean: %3 leftovers were removed (%2).',
        cleaned.count,
        format.bytes(cleaned.bytes),
        format.count(cleaned.count)
      )
    : trans.__('There are no leftovers.');
}

/** What is asked before all are removed. */
export function questionText(leftovers: Leftovers, format: Format): string {
  const { trans } = format;
  const entries = leftovers.entries ?? [];
  const sizes = [countText(entries, format), ...sizeTexts(entries, format)];
  return format.sentences(
    trans.__('Remove all of this for good?') + ` (${sizes.join(' · ')})`,
    trans.__('No transfer needs it any more.')
  );
}

function countText(entries: readonly IRemain[], format: Format): string {
  return format.trans._n(
    'one leftover',
    '%2 leftovers',
    entries.length,
    format.count(entries.length)
  );
}

/** Bytes on the disk, and bytes at services as far as they are known. */
function sizeTexts(
  entries: readonly IRemain[],
  format: Format
): readonly string[] {
  const { trans } = format;
  const sum = (where: IRemain['where']) =>
    entries
      .filter(entry => entry.where === where)
      .reduce((bytes, { size }) => bytes + (size ?? 0), 0);
  const [disk, service] = [sum('disk'), sum('service')];
  return [
    disk > 0 ? trans.__('%1 on the disk', format.bytes(disk)) : '',
    service > 0 ? trans.__('%1 at services', format.bytes(service)) : ''
  ].filter(Boolean);
}
