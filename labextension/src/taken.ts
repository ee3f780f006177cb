/**
 * Names that are taken on the server, found before the first byte.
 */

import type { Contents } from '@jupyterlab/services';
import { forEachAtMost } from './atmost';
import { Pace } from './uploads';
import type { IUploadItem } from './uploads/tokens';

/** A file to upload and one that is there. */
export interface ITaken {
  readonly item: IUploadItem;
  /** Where that one is, below the server's root. */
  readonly path: string;
  readonly size: number | null;
  readonly modified: string | null;
}

/** What a look at the server found. */
export interface ILook {
  /** In the order of the items. */
  readonly taken: readonly ITaken[];
  /** Files that may be an item which got another name, as its own was taken. */
  readonly beside: readonly ITaken[];
  /** Folders that are there and could not be listed: what is taken in them is unknown. */
  readonly unseen: number;
}

/** Folders listed at a time: a browser opens six connections, kernels need theirs. */
const AT_ONCE = 4;

/** A folder of the batch, perhaps not of the server. */
interface IFolder {
  /** Below the server's root. */
  readonly path: string;
  readonly items: IUploadItem[];
  readonly below: Map<string, IFolder>;
}

type Source = Pick<Contents.IManager, 'get'>;

/**
 * Files among `items` whose names are taken below `destination`.
 *
 * A folder is listed once, and only where it exists already, so that a new
 * folder of 10,000 files costs one request.
 */
export async function findTaken(
  items: readonly IUploadItem[],
  destination: string,
  contents: Source
): Promise<ILook> {
  const pace = new Pace();
  const found = new Map<IUploadItem, ITaken>();
  const beside: ITaken[] = [];
  let unseen = 0;
  let level = [await treeOf(items, destination, pace)];
  while (level.length > 0) {
    const next: IFolder[] = [];
    await forEachAtMost(AT_ONCE, level, async folder => {
      const listing = await list(folder.path, contents);
      if (listing === null) {
        unseen += 1;
        return;
      }
      for (const each of await sameNames(folder, listing, pace)) {
        found.set(each.item, each);
      }
      beside.push(...(await otherNames(folder, listing, pace)));
      for (const [name, below] of folder.below) {
        if (listing.get(name)?.type === 'directory') {
          next.push(below);
        }
      }
    });
    level = next;
  }
  const taken = items.flatMap(item => found.get(item) ?? []);
  return { taken, beside, unseen };
}

/** The items by their folders. */
async function treeOf(
  items: readonly IUploadItem[],
  destination: string,
  pace: Pace
): Promise<IFolder> {
  const newFolder = (path: string): IFolder => ({
    path,
    items: [],
    below: new Map()
  });
  const root = newFolder(destination);
  for (const item of items) {
    await pace.rest();
    let folder = root;
    for (const name of partsOf(item).slice(0, -1)) {
      let below = folder.below.get(name);
      if (!below) {
        below = newFolder([folder.path, name].filter(Boolean).join('/'));
        folder.below.set(name, below);
      }
      folder = below;
    }
    folder.items.push(item);
  }
  return root;
}

/** The parts of the path that the server gives an item: it composes accents. */
function partsOf({ relativePath }: IUploadItem): string[] {
  return relativePath.normalize('NFC').split('/');
}

function nameOf(item: IUploadItem): string {
  return partsOf(item).pop()!;
}

type Listing = ReadonlyMap<string, Contents.IModel>;

/** What is in a folder: nothing if there is none; null if the server does not tell. */
async function list(path: string, contents: Source): Promise<Listing | null> {
  try {
    // Given any options, JupyterLab asks for no content unless told to.
    const model = await contents.get(path, {
      type: 'directory',
      content: true
    });
    const children = (model.content ?? []) as Contents.IModel[];
    return new Map(children.map(child => [child.name, child]));
  } catch (error) {
    const { response } = error as { response?: Response };
    return response?.status === 404 ? new Map() : null;
  }
}

async function sameNames(
  { path, items }: IFolder,
  listing: Listing,
  pace: Pace
): Promise<ITaken[]> {
  const taken: ITaken[] = [];
  for (const item of items) {
    await pace.rest();
    const there = listing.get(nameOf(item));
    if (there && there.type !== 'directory') {
      taken.push(takenBy(item, path, there));
    }
  }
  return taken;
}

/** A name that the server gives where its own is taken: `a (1).tar.gz`. */
const NUMBERED = /^(.*) \(\d+\)((?:\.tar)?(?:\.[^.]*)?)$/;

/** The name that was taken when a file got this one; null for any other name. */
function ownName(name: string): string | null {
  const [, stem, extension] = NUMBERED.exec(name) ?? [];
  return stem && !stem.endsWith('.tar') ? stem + extension : null;
}

/** Files in the folder that have a name which the server may have given an item. */
async function otherNames(
  { path, items }: IFolder,
  listing: Listing,
  pace: Pace
): Promise<ITaken[]> {
  const numbered = new Map<string, Contents.IModel[]>();
  for (const [name, model] of listing) {
    const own = ownName(name);
    if (own !== null && model.type !== 'directory') {
      numbered.set(own, [...(numbered.get(own) ?? []), model]);
    }
    await pace.rest();
  }
  const found: ITaken[] = [];
  // A file of the batch that has such a name by itself is no other one's.
  const names = new Set(numbered.size > 0 ? items.map(nameOf) : []);
  for (const item of numbered.size > 0 ? items : []) {
    const models = numbered.get(nameOf(item)) ?? [];
    const others = models.filter(({ name }) => !names.has(name));
    found.push(...others.map(model => takenBy(item, path, model)));
    await pace.rest();
  }
  return found;
}

function takenBy(
  item: IUploadItem,
  folder: string,
  { name, size, last_modified }: Contents.IModel
): ITaken {
  return {
    item,
    path: [folder, name].filter(Boolean).join('/'),
    size: size ?? null,
    modified: last_modified ?? null
  };
}
