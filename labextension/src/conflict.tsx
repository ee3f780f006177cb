/**
 * What is done where names are taken: asked about once a batch.
 */

import { Dialog, showDialog } from '@jupyterlab/apputils';
import * as React from 'react';
import type { Format } from './format';
import { folderName } from './names';
import type { ILook, ITaken } from './taken';
import type { ConflictPolicy } from './uploads/tokens';

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

/** Pairs shown in the dialog. */
const SHOWN = 5;

/**
 * Ask once what to do with all taken names.
 *
 * @returns null when the person thought better of it.
 */
export async function askConflict(
  { taken, unseen }: ILook,
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
    body: <ConflictBody {...{ shown, more, unseen, destination, format }} />,
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
  /** Folders of which nobody knows what is in them. */
  unseen: number;
  destination: string;
  format: Format;
}): JSX.Element {
  const { shown, more, unseen, destination, format } = props;
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
      {unseen > 0 && (
        <p>
          {trans._n(
            'One folder could not be looked into: what you choose holds for its files, too.',
            '%1 folders could not be looked into: what you choose holds for their files, too.',
            unseen
          )}
        </p>
      )}
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
