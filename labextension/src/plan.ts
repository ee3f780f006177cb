/**
 * What of a batch is sent, and how: settled before the first byte, with at most
 * one question of each kind for all its files.
 */

import { Notification } from '@jupyterlab/apputils';
import type { Contents } from '@jupyterlab/services';
import { busyWhile } from './busy';
import type { ConflictDefault } from './conflict';
import { askConflict } from './conflict';
import type { Format } from './format';
import { begunAmong, costs, needOf, roomFor } from './need';
import type { IRoom } from './room';
import type { IDigests } from './same';
import { findSame } from './same';
import { askOthers, checkFree, measure, tooLarge } from './room';
import type { ILook, ITaken } from './taken';
import { findTaken } from './taken';
import { nameOf } from './uploads';
import type { ConflictPolicy, ILeftover, IUploadItem } from './uploads/tokens';

/** What is sent, and how. */
export interface IPlan {
  readonly items: readonly IUploadItem[];
  /** Files that are not sent: the same one is there, or they are too large. */
  readonly left: ReadonlySet<IUploadItem>;
  readonly conflict: ConflictPolicy;
  /** What an earlier page left of the same folder. */
  readonly resumes?: ILeftover;
}

/** A plan, and the names that are known to be taken; null if nobody looked. */
interface IDraft extends IPlan {
  readonly taken: readonly ITaken[] | null;
}

type Looker = () => Promise<ILook>;

export interface IPlannerOptions extends IDigests {
  readonly contents: Pick<Contents.IManager, 'get'>;
  readonly conflict: () => ConflictDefault;
  readonly format: Format;
  /** What a folder takes; rejects where the server cannot tell. */
  readonly room: (folder: string) => Promise<IRoom>;
  /** What earlier pages left unfinished. */
  readonly leftovers: () => readonly ILeftover[];
  /** Lets the server free what it keeps for the packs of a folder that was left. */
  readonly giveBack: (id: string) => Promise<void>;
}

const NONE: ReadonlySet<IUploadItem> = new Set();

export class Planner {
  constructor(private _options: IPlannerOptions) {}

  /**
   * Plan how `items` go into the folder `destination` of the server.
   *
   * @returns null when the person thought better of it.
   * @throws Refusal when the server has no room for them.
   */
  async plan(
    items: readonly IUploadItem[],
    destination: string
  ): Promise<IPlan | null> {
    if (items.length === 0) {
      return { items, left: NONE, conflict: 'rename' };
    }
    const resumes = this._leftOf(items, destination);
    const room = this._room(destination, resumes);
    const look = this._looker(items, destination);
    const arrived = resumes ? await this._arrived(resumes, look) : NONE;
    if (arrived.size > 0) {
      tellSame(arrived.size, this._options.format);
    }
    const rest =
      arrived.size > 0 ? items.filter(item => !arrived.has(item)) : items;
    const lookAtRest = async () => without(await look(), arrived);
    const draft = await this._settleNames(rest, destination, lookAtRest);
    if (draft === null) {
      return null;
    }
    const plan = await this._fit(draft, await room, destination, lookAtRest);
    return (
      plan && { ...plan, left: new Set([...plan.left, ...arrived]), resumes }
    );
  }

  /**
   * Plan how `items` go on, where it is settled what happens to taken names.
   *
   * @returns null when the person thought better of it.
   * @throws Refusal when the server has no room for them.
   */
  async fit(
    items: readonly IUploadItem[],
    destination: string,
    conflict: ConflictPolicy
  ): Promise<IPlan | null> {
    const draft = { items, left: NONE, conflict, taken: null };
    const look = this._looker(items, destination);
    return this._fit(draft, await this._room(destination), destination, look);
  }

  /** What the folder takes; null where the server cannot tell. */
  private async _room(
    destination: string,
    resumes?: ILeftover
  ): Promise<IRoom | null> {
    const { giveBack, room } = this._options;
    try {
      if (resumes) {
        await giveBack(resumes.id);
      }
      return await room(destination);
    } catch {
      // Old servers do not tell; then each upload finds out by itself.
      return null;
    }
  }

  /** What an earlier page left of these very files. */
  private _leftOf(
    items: readonly IUploadItem[],
    destination: string
  ): ILeftover | undefined {
    const folders = this._options
      .leftovers()
      .filter(each => each.folder && each.destination === destination);
    const name = folders.length > 0 ? nameOf(items) : '';
    return folders.find(each => each.name === name);
  }

  /** Files that an earlier page has sent: they are there, the same. */
  private async _arrived(
    { conflict }: ILeftover,
    look: Looker
  ): Promise<ReadonlySet<IUploadItem>> {
    const { taken, beside } = await look();
    const mayBe = conflict === 'rename' ? [...taken, ...beside] : taken;
    return findSame(mayBe, this._options);
  }

  /** What to do where names are taken. */
  private async _settleNames(
    items: readonly IUploadItem[],
    destination: string,
    look: Looker
  ): Promise<IDraft | null> {
    const { conflict, format } = this._options;
    const settled = conflict();
    if (settled !== 'ask' && settled !== 'different') {
      return { items, left: NONE, conflict: settled, taken: null };
    }
    const seen = await look();
    const { taken } = seen;
    if (taken.length === 0) {
      // A name that is taken while we look, or where we cannot, gets a new one beside it.
      return { items, left: NONE, conflict: 'rename', taken };
    }
    const choice =
      settled === 'ask'
        ? await askConflict(seen, destination, format)
        : settled;
    if (choice !== 'different') {
      return choice && { items, left: NONE, conflict: choice, taken };
    }
    const same = await findSame(taken, this._options);
    if (same.size > 0) {
      tellSame(same.size, format);
    }
    const others = items.filter(item => !same.has(item));
    return { items: others, left: same, conflict: 'overwrite', taken };
  }

  /** Looks, when it is first asked, which names are taken. */
  private _looker(items: readonly IUploadItem[], destination: string): Looker {
    const { contents, format } = this._options;
    let look: Promise<ILook> | null = null;
    return () => {
      const message = format.trans.__('Looking which files are there already…');
      look ??= busyWhile(findTaken(items, destination, contents), message);
      return look;
    };
  }

  private async _fit(
    draft: IDraft,
    room: IRoom | null,
    destination: string,
    look: Looker
  ): Promise<IPlan | null> {
    if (room === null) {
      return draft;
    }
    const { format } = this._options;
    await measure(draft.items);
    const large = tooLarge(draft.items, room);
    const items =
      large.length > 0
        ? await askOthers(draft.items, large, room, format)
        : draft.items;
    if (items === null) {
      return null;
    }
    const { conflict } = draft;
    const { leftovers } = this._options;
    const begun = begunAmong(items, destination, leftovers());
    const ours = roomFor(begun.values(), room);
    let { taken } = draft;
    const need = () => needOf(items, costs(conflict, taken ?? [], begun));
    const mayShrink = conflict === 'overwrite' || conflict === 'skip';
    if (taken === null && mayShrink && need() > ours.free_bytes) {
      ({ taken } = await look());
    }
    checkFree(need(), ours, destination, format);
    return { items, conflict, left: new Set([...draft.left, ...large]) };
  }
}

/** A look as it would be without these items. */
function without(look: ILook, items: ReadonlySet<IUploadItem>): ILook {
  const taken = look.taken.filter(({ item }) => !items.has(item));
  return { ...look, taken };
}

function tellSame(count: number, format: Format): void {
  Notification.info(
    format.trans._n(
      'One file was left out, because the same one is there.',
      '%1 files were left out, because the same ones are there.',
      count
    )
  );
}
