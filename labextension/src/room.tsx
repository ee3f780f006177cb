/**
 * Whether a batch has room on the server, found out before its first byte.
 */

import { Dialog, showDialog } from '@jupyterlab/apputils';
import * as React from 'react';
import { forEachAtMost } from './atmost';
import type { Format } from './format';
import { folderName } from './names';
import { Pace } from './uploads';
import type { IUploadItem } from './uploads/tokens';

/** What a folder of the server takes. */
export interface IRoom {
  /** Bytes that new uploads may bring; what others were promised is taken off. */
  readonly free_bytes: number;
  /** Bytes that uploads under way were promised. */
  readonly reserved_bytes: number;
  /** Bytes that one file may have; null is no limit. */
  readonly max_upload_size: number | null;
}

/** A batch that is not sent, and why: sentences in the person's language. */
export class Refusal extends Error {
  constructor(
    readonly title: string,
    message: string
  ) {
    super(message);
    this.name = 'Refusal';
  }
}

/**
 * Milliseconds that opening files only for their sizes may take. Thousands of
 * files fit in; those of a larger folder are small ones.
 */
const PATIENCE = 1000;

/** Files opened together: more do not come quicker. */
const AT_ONCE = 16;

/** Names in a message. */
const SHOWN = 5;

/** Learn the sizes of dropped files, as far as it costs little. */
export async function measure(items: readonly IUploadItem[]): Promise<void> {
  const unknown = items.filter(item => item.size === null);
  const end = performance.now() + PATIENCE;
  const pace = new Pace();
  await forEachAtMost(AT_ONCE, before(end, unknown), async item => {
    // What cannot be opened is told when its turn comes.
    await item.open().catch(() => undefined);
    await pace.rest();
  });
}

/** As many of `all` as are asked for until `end`, as `performance.now()` counts. */
function* before<T>(end: number, all: Iterable<T>): Iterable<T> {
  for (const one of all) {
    if (performance.now() > end) {
      return;
    }
    yield one;
  }
}

/** The items that are larger than one file may be. */
export function tooLarge(
  items: readonly IUploadItem[],
  room: IRoom
): IUploadItem[] {
  const limit = room.max_upload_size ?? Infinity;
  return items.filter(({ size }) => (size ?? 0) > limit);
}

/** @throws Refusal if `needed` bytes are more than `room` has. */
export function checkFree(
  needed: number,
  room: IRoom,
  folder: string,
  format: Format
): void {
  const { free_bytes: free, reserved_bytes: reserved } = room;
  if (needed <= free) {
    return;
  }
  const { trans } = format;
  const sentences = [
    trans.__(
      'This needs %1, but %2 has room for %3 only.',
      format.bytes(needed),
      folderName(folder),
      format.bytes(free)
    )
  ];
  if (reserved > 0) {
    sentences.push(
      trans.__('Uploads under way will take %1 more.', format.bytes(reserved))
    );
  }
  sentences.push(
    trans.__(
      'Free %1 or choose another folder.',
      format.bytes(Math.max(needed - free, 1))
    )
  );
  throw new Refusal(
    trans.__('Not enough room'),
    format.sentences(...sentences)
  );
}

/**
 * What is sent when `large` ones among `items` are not taken: the others, if
 * the person wants that; null if not.
 *
 * @throws Refusal if there are no others.
 */
export async function askOthers(
  items: readonly IUploadItem[],
  large: readonly IUploadItem[],
  room: IRoom,
  format: Format
): Promise<readonly IUploadItem[] | null> {
  const { trans } = format;
  const title = trans.__('Too large for this server');
  const limit = format.bytes(room.max_upload_size ?? 0);
  const told = trans.__('This server takes files of up to %1.', limit);
  const left = items.length - large.length;
  const names = large
    .slice(0, SHOWN)
    .map(item => `${item.relativePath} (${format.bytes(item.size ?? 0)})`);
  const more = large.length - names.length;
  if (more > 0) {
    names.push(trans.__('and %1 more', format.count(more)));
  }
  if (left === 0) {
    const [{ relativePath, size }] = large;
    const message =
      large.length === 1
        ? trans.__(
            '%1 has %2, but this server takes files of up to %3 only.',
            relativePath,
            format.bytes(size ?? 0),
            limit
          )
        : format.sentences(told, names.join(', '));
    throw new Refusal(title, message);
  }
  const result = await showDialog<void>({
    title,
    body: (
      <div className="jp-TransfersTooLarge">
        <p>{told}</p>
        <ul>
          {names.map(name => (
            <li key={name}>{name}</li>
          ))}
        </ul>
      </div>
    ),
    buttons: [
      Dialog.cancelButton(),
      Dialog.okButton({
        label: trans._n(
          'Upload the other file',
          'Upload the other %1 files',
          left
        )
      })
    ]
  });
  const refused = new Set(large);
  return result.button.accept ? items.filter(item => !refused.has(item)) : null;
}
