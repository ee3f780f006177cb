/**
 * What a person dropped: read it, and tell what is not as they may think.
 */

import { Notification } from '@jupyterlab/apputils';
import { busyWhile } from './busy';
import type { Format } from './format';
import type { IDrop, IUploadOptions, OpenFiles } from './uploads';
import { readDrop } from './uploads';

/** Names of unreadable folders in a message. */
const SHOWN = 5;

/**
 * Read a drop, and tell if that takes long and what could not be read.
 *
 * Call it while the event is handled: the browser empties `data` afterwards.
 */
export async function takeDrop(
  data: DataTransfer,
  openFiles: OpenFiles,
  format: Format
): Promise<IDrop> {
  const message = format.trans.__('Reading what was dropped…');
  // 20,000 files take several seconds.
  const drop = await busyWhile(readDrop(data, openFiles), message);
  if (drop.unreadable.length > 0) {
    warn(drop.unreadable, format);
  }
  return drop;
}

/**
 * Tells once, however many folders fail: one message is enough.
 *
 * @returns what to call with each folder that could not be made.
 */
export function folderWarning(
  format: Format
): IUploadOptions['onFolderFailed'] {
  let isTold = false;
  return path => {
    if (!isTold) {
      isTold = true;
      Notification.warning(
        format.trans.__('The empty folder “%1” could not be made.', path)
      );
    }
  };
}

function warn(paths: readonly string[], format: Format): void {
  const names = paths.slice(0, SHOWN).join(', ');
  Notification.warning(
    format.trans._n(
      'This folder could not be read and was left out: %2',
      '%1 folders could not be read and were left out, among them: %2',
      paths.length,
      names
    )
  );
}
