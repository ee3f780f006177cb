/**
 * How much room a batch needs.
 */

import type { IRoom } from './room';
import type { ITaken } from './taken';
import type { ConflictPolicy, ILeftover, IUploadItem } from './uploads/tokens';

/** What a file costs, in bytes. */
export interface ICost {
  /** What is still to be sent of it. */
  readonly sends: number;
  /** What is freed once it is whole: the file that it replaces. */
  readonly frees: number;
}

const ALL = ({ size }: IUploadItem): ICost => ({ sends: size ?? 0, frees: 0 });

/** Bytes that `items` need, as far as their sizes are known. */
export function needOf(
  items: readonly IUploadItem[],
  costOf: (item: IUploadItem) => ICost = ALL
): number {
  let sum = 0;
  let largest = 0;
  for (const item of items) {
    const { sends, frees } = costOf(item);
    sum += sends - frees;
    // An old file stays until the new one is whole.
    largest = Math.max(largest, sends);
  }
  return Math.max(sum, largest);
}

/** What each file costs, where names are taken and some were begun by an earlier page. */
export function costs(
  conflict: ConflictPolicy,
  taken: readonly ITaken[],
  begun: ReadonlyMap<IUploadItem, ILeftover>
): (item: IUploadItem) => ICost {
  const old = new Map(taken.map(each => [each.item, each.size ?? 0]));
  return item => {
    const there = old.get(item);
    if (there !== undefined && conflict === 'skip') {
      return { sends: 0, frees: 0 };
    }
    const sends = (item.size ?? 0) - (begun.get(item)?.offset ?? 0);
    const frees = conflict === 'overwrite' ? (there ?? 0) : 0;
    return { sends, frees };
  };
}

/** The items that an earlier page began to send. */
export function begunAmong(
  items: readonly IUploadItem[],
  destination: string,
  leftovers: readonly ILeftover[]
): ReadonlyMap<IUploadItem, ILeftover> {
  const files = new Map(
    leftovers
      .filter(each => !each.folder && each.destination === destination)
      .map(each => [each.relativePath, each])
  );
  const begun = new Map<IUploadItem, ILeftover>();
  for (const item of files.size > 0 ? items : []) {
    const leftover = files.get(item.relativePath);
    if (leftover?.size === item.size) {
      begun.set(item, leftover);
    }
  }
  return begun;
}

/**
 * The room as it is for those who go on with `begun`: what the server promised
 * them is theirs. After an hour it promises nothing any more, and that shows.
 */
export function roomFor(begun: Iterable<ILeftover>, room: IRoom): IRoom {
  let rest = 0;
  for (const { size, offset } of begun) {
    rest += size - offset;
  }
  const theirs = Math.min(rest, room.reserved_bytes);
  return {
    ...room,
    free_bytes: room.free_bytes + theirs,
    reserved_bytes: room.reserved_bytes - theirs
  };
}
