/**
 * Names that are taken: found before the first byte, asked about once a batch.
 */

import { Dialog, showDialog } from '@jupyterlab/apputils';
import type { Contents } from '@jupyterlab/services';
import * as React from 'react';
import type { Format } from './format';
import { Pace } from './uploads';
import type { ConflictPolicy, IUploadItem } from './uploads/tokens';
import { folderName } from './names';

/** What settings say; `ask` shows the dialog. */
export type ConflictDefault =
  'ask' | 'rename' | 'overwrite' | 'skip' | 'different';

/** What the settings mean to a job of the server, which compares by itself. */
export function policyOf(setting: ConflictDefault): ConflictPolicy {
  switch (setting) {
    case 'ask':
      return 'rename';
    case 'different':
      return 'overwrite';
    default:
      return setting;
  }
}

/** What a person chose; `different` leaves files alone that are the same. */
export type ConflictChoice = ConflictPolicy | 'different';

/** A file to upload and the one that has its name. */
export interface ITaken {
  readonly item: IUploadItem;
  readonly size: number | null;
  readonly modified: string | null;
}

/** Pairs shown in the dialog. */
const SHOWN = 5;

/** Folders looked into before the dialog; a deeper tree keeps both. */
const MAX_FOLDERS = 200;

type Listing = ReadonlyMap<string, Contents.IModel>;

/**
 * Files among `items` whose names are taken below `destination`.
 *
 * A folder is looked into only where it exists already, so that a new folder
 * of 10,000 files costs one request.
 */
export async function findTaken(
  items: readonly IUploadItem[],
  destination: string,
  contents: Pick<Contents.IManager, 'get'>,
  maxFolders = MAX_FOLDERS
): Promise<ITaken[]> {
  const listings = new Map<string, Promise<Listing | null>>();
  const listingOf = (folder: string): Promise<Listing | null> => {
    let listing = listings.get(folder);
    if (!listing) {
      listing =
        listings.size < maxFolders ? readFolder() : Promise.resolve(null);
      listings.set(folder, listing);
    }
    return listing;

    async function readFolder(): Promise<Listing | null> {
      if (folder) {
        const cut = folder.lastIndexOf('/');
        const parent = await listingOf(folder.slice(0, Math.max(cut, 0)));
        const own = parent?.get(folder.slice(cut + 1));
        if (own?.type !== 'directory') {
          return null;
        }
      }
      const path = [destination, folder].filter(Boolean).join('/');
      try {
        // Given any options, JupyterLab asks for no content unless told to.
        const model = await contents.get(path, {
          type: 'directory',
          content: true
        });
        const children = (model.content ?? []) as Contents.IModel[];
        return new Map(children.map(child => [child.name, child]));
      } catch {
        // No such folder yet, or none that we may read: the server decides.
        return null;
      }
    }
  };

  const taken: ITaken[] = [];
  const pace = new Pace();
  for (const item of items) {
    await pace.rest();
    const cut = item.relativePath.lastIndexOf('/');
    const listing = await listingOf(
      item.relativePath.slice(0, Math.max(cut, 0))
    );
    const there = listing?.get(item.relativePath.slice(cut + 1));
    if (there && there.type !== 'directory') {
      taken.push({
        item,
        size: there.size ?? null,
        modified: there.last_modified ?? null
      });
    }
  }
  return taken;
}

/**
 * Ask once what to do with all taken names.
 *
 * @returns null when the person thought better of it.
 */
export async function askConflict(
  taken: readonly ITaken[],
  destination: string,
  format: Format
): Promise<ConflictChoice | null> {
  const { trans } = format;
  const title =
    taken.length === 1
      ? trans.__('Replace the file?')
      : trans.__('Replace %1 files?', format.count(taken.length));
  const button = (
    action: ConflictChoice,
    label: string,
    caption: string,
    accept = true
  ) =>
    Dialog.createButton({
      label,
      caption,
      accept,
      actions: [action],
      displayType: action === 'overwrite' ? 'warn' : 'default',
      className: action === 'rename' ? '' : 'jp-mod-reject'
    });
  const shown = await Promise.all(taken.slice(0, SHOWN).map(withFile));
  const more = taken.length - shown.length;
  const result = await showDialog<void>({
    title,
    body: <ConflictBody {...{ shown, more, destination, format }} />,
    buttons: [
      Dialog.cancelButton(),
      button('skip', trans.__('Skip'), trans.__('Leave the old files')),
      button(
        'different',
        trans.__('Only if different'),
        trans.__('Skip files that are the same, replace the others')
      ),
      button(
        'overwrite',
        trans.__('Replace'),
        trans.__('The old file stays until the new one is whole')
      ),
      button(
        'rename',
        trans.__('Keep both'),
        trans.__('Give the new files another name')
      )
    ],
    defaultButton: 4
  });
  return (result.button.actions[0] as ConflictChoice | undefined) ?? null;
}

interface IShown extends ITaken {
  /** The file of this computer; null if it cannot be read. */
  readonly file: File | null;
}

async function withFile(taken: ITaken): Promise<IShown> {
  return { ...taken, file: await taken.item.open().catch(() => null) };
}

function ConflictBody(props: {
  shown: readonly IShown[];
  /** Files that are not shown. */
  more: number;
  destination: string;
  format: Format;
}): JSX.Element {
  const { shown, more, destination, format } = props;
  const { trans } = format;
  return (
    <div className="jp-TransfersConflict">
      <p>
        {trans.__(
          'Files of these names are in %1 already:',
          folderName(destination)
        )}
      </p>
      <table>
        <thead>
          <tr>
            <th scope="col">{trans.__('Name')}</th>
            <th scope="col">{trans.__('There now')}</th>
            <th scope="col">{trans.__('To upload')}</th>
          </tr>
        </thead>
        <tbody>
          {shown.map(({ item, file, size, modified }) => (
            <tr key={item.relativePath}>
              <th scope="row">{item.relativePath}</th>
              <td>{facts(size, modified && Date.parse(modified), format)}</td>
              <td>{file && facts(file.size, file.lastModified, format)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {more > 0 && <p>{trans.__('and %1 more', format.count(more))}</p>}
    </div>
  );
}

function facts(
  size: number | null,
  modified: number | string | null,
  format: Format
): string {
  return [
    size === null ? '' : format.bytes(size),
    typeof modified === 'number' && !Number.isNaN(modified)
      ? format.dateTime(modified)
      : ''
  ]
    .filter(Boolean)
    .join(' · ');
}
