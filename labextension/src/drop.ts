/**
 * What a person dropped: read it, and do what an upload of its files alone
 * would leave out.
 */

import { Notification } from '@jupyterlab/apputils';
import { PathExt } from '@jupyterlab/coreutils';
import type { Contents } from '@jupyterlab/services';
import type { Format } from './format';
import type { IDrop } from './uploads';
import { readDrop } from './uploads';

/** Milliseconds after which a person wonders; 20,000 files take several seconds to read. */
const PATIENCE = 1000;

/** Names of unreadable folders in a message. */
const SHOWN = 5;

/**
 * Read a drop, and tell if that takes long and what could not be read.
 *
 * Call it while the event is handled: the browser empties `data` afterwards.
 */
export async function takeDrop(
  data: DataTransfer,
  format: Format
): Promise<IDrop> {
  const drop = await busyWhile(readDrop(data), format);
  if (drop.unreadable.length > 0) {
    warn(drop.unreadable, format);
  }
  return drop;
}

/**
 * Make folders and their parents below `folder`. tus knows files only; folders
 * without any are made by the contents API.
 *
 * If one cannot be made, that is told, and the rest is left: one message is
 * enough.
 */
export async function makeFolders(
  paths: readonly string[],
  folder: string,
  contents: Pick<Contents.IManager, 'save'>,
  format: Format
): Promise<void> {
  for (const path of withParents(paths)) {
    const full = PathExt.join(folder, path);
    try {
      await contents.save(full, { type: 'directory', format: null });
    } catch {
      Notification.warning(
        format.trans.__('The empty folder “%1” could not be made.', full)
      );
      return;
    }
  }
}

/** Each path once, parents before their children. */
function withParents(paths: readonly string[]): ReadonlySet<string> {
  const all = new Set<string>();
  for (const path of paths) {
    const names = path.split('/');
    names.forEach((_, depth) => all.add(names.slice(0, depth + 1).join('/')));
  }
  return all;
}

/** Tell that a large folder is still being read. */
async function busyWhile<T>(work: Promise<T>, format: Format): Promise<T> {
  let id = '';
  const timer = window.setTimeout(() => {
    const message = format.trans.__('Reading what was dropped…');
    id = Notification.emit(message, 'in-progress', { autoClose: false });
  }, PATIENCE);
  try {
    return await work;
  } finally {
    window.clearTimeout(timer);
    // Without an id it would dismiss those of everybody.
    if (id) {
      Notification.dismiss(id);
    }
  }
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
