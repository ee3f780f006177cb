/**
 * The words of a row: its state, its numbers, its name for screen readers.
 */

import { doubtText } from './doubts';
import type { Format } from './format';
import { baseName, folderName } from './names';
import type { ITransfer } from './transfer';
import { fractionOf, secondsLeft } from './transfer';

/** The state in words; a state is never told by colour alone. */
export function stateText(
  transfer: ITransfer,
  format: Format,
  now: number = Date.now()
): string {
  const { trans } = format;
  switch (transfer.phase) {
    case 'waiting':
      return transfer.error?.code === 'scheduled' && transfer.retryAt !== null
        ? trans.__('Starts at %1', format.dateTime(transfer.retryAt))
        : trans.__('Waiting');
    case 'copying':
      return trans.__('Copying');
    case 'checking':
      return trans.__('Checking');
    case 'planning':
      return trans.__('Planning');
    case 'deleting':
      return trans.__('Deleting');
    case 'paused':
      return trans.__('Paused');
    case 'retrying':
      return retryText(transfer, format, now);
    case 'asking':
      return askingText(transfer, format);
    case 'done':
      return trans.__('Done');
    case 'failed':
      return trans.__('Failed');
    case 'cancelled':
      return trans.__('Cancelled');
    case 'skipped':
      return trans.__('Skipped');
  }
}

/** `312 of 10,482 files`, `1.2 of 4.8 GB`, `84 MB/s`, `43 s left`: what is known. */
export function numberTexts(
  transfer: ITransfer,
  format: Format
): readonly string[] {
  const { bytesDone, bytesTotal, filesTotal, phase, rate } = transfer;
  const texts = filesText(transfer, format);
  if (filesTotal === 0) {
    // Folders only.
    return texts;
  }
  if (phase === 'done') {
    texts.push(format.bytes(bytesDone));
  } else if (bytesDone > 0 || phase === 'copying') {
    texts.push(format.bytesOf(bytesDone, bytesTotal));
  } else if (bytesTotal !== null) {
    texts.push(format.bytes(bytesTotal));
  }
  if (rate !== null) {
    texts.push(format.rate(rate));
  }
  const left = secondsLeft(transfer);
  if (left !== null) {
    texts.push(format.left(left));
  }
  return texts;
}

/** What a progress bar says aloud. */
export function progressText(transfer: ITransfer, format: Format): string {
  const fraction = fractionOf(transfer);
  const percent = fraction === null ? [] : [format.percent(fraction)];
  return [...percent, ...numberTexts(transfer, format)].join(', ');
}

/** Whether what arrived was compared with a digest; null where that is no question. */
export function verdict(
  transfer: ITransfer,
  format: Format
): { text: string; reason: string } | null {
  const { trans } = format;
  if (transfer.phase !== 'done' || transfer.kind === 'download') {
    return null;
  }
  if (transfer.verified) {
    return {
      text: trans.__('verified ✓'),
      reason: trans.__('The bytes match the checksum that their source states.')
    };
  }
  if (transfer.kind === 'upload') {
    return null;
  }
  return {
    text: trans.__('not verifiable'),
    reason: doubtText(transfer.unverified, trans)
  };
}

/** The name under which a file was kept whose own was taken; null if none was. */
export function renamedText(
  transfer: ITransfer,
  format: Format
): string | null {
  const { filesTotal, renamed } = transfer;
  const { trans } = format;
  if (renamed.length === 0) {
    return null;
  }
  const name = baseName(renamed[0]);
  return filesTotal === 1
    ? trans.__('kept as %1', name)
    : trans._n(
        'one file kept as %2',
        '%1 files kept under other names, such as %2',
        renamed.length,
        name
      );
}

/** Where a transfer goes to, for people: `to data/`. */
export function destinationText(transfer: ITransfer, format: Format): string {
  const { trans } = format;
  if (transfer.cached) {
    return trans.__('into the cache');
  }
  if (transfer.folder === null) {
    return trans.__('to this computer');
  }
  return trans.__('to %1', folderName(transfer.folder));
}

function filesText(transfer: ITransfer, format: Format): string[] {
  const { filesDone, filesTotal, filesFailed } = transfer;
  const { trans } = format;
  const texts: string[] = [];
  if (filesTotal !== null && filesTotal > 1) {
    const total = format.count(filesTotal);
    // An archive is one stream: nobody counts its files on the way.
    const uncounted = transfer.kind === 'download' || filesDone === filesTotal;
    texts.push(
      uncounted
        ? trans.__('%1 files', total)
        : trans.__('%1 of %2 files', format.count(filesDone), total)
    );
  }
  if (filesFailed > 0 && (filesTotal ?? 0) > 1) {
    texts.push(trans.__('%1 failed', format.count(filesFailed)));
  }
  return texts;
}

function retryText(transfer: ITransfer, format: Format, now: number): string {
  const { trans } = format;
  if (transfer.retryAt === null) {
    return trans.__('Waiting for the network');
  }
  const seconds = Math.max(0, Math.ceil((transfer.retryAt - now) / 1000));
  const attempt = Math.max(1, transfer.attempt);
  const attempts = transfer.error?.detail?.['attempts'];
  if (typeof attempts === 'number') {
    return trans.__(
      'Retrying in %1 s (%2 of %3)',
      format.count(seconds),
      format.count(attempt),
      format.count(attempts)
    );
  }
  return trans.__(
    'Retrying in %1 s (attempt %2)',
    format.count(seconds),
    format.count(attempt)
  );
}

function askingText(transfer: ITransfer, format: Format): string {
  const { trans } = format;
  switch (transfer.error?.code) {
    case 'needs_credentials':
      return trans.__('Needs a token');
    case 'needs_decision':
      return trans.__('Needs a decision');
    case 'needs_browser':
      return transfer.error.detail['isFolder']
        ? trans.__('Needs the folder again')
        : trans.__('Needs the file again');
    default:
      return trans.__('Needs you');
  }
}
