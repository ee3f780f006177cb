/**
 * The part of the form "Send to…" for a folder that is a clone: what was changed
 * in it, and what of that is committed.
 */

import * as React from 'react';
import type { CommitChoice } from './commit';
import type { Format } from './format';
import type { IClone, ICloneChange } from './job';
import { TextArea } from './textinput';

export function CommitFields(props: {
  choice: CommitChoice;
  format: Format;
  onChange: () => void;
}): JSX.Element {
  const { choice, format, onChange } = props;
  const { trans } = format;
  const { clone } = choice;
  return (
    <fieldset className="jp-TransfersCommit">
      <legend>{trans.__('Commit and push')}</legend>
      <p className="jp-TransfersFrom-hint">{shown(clone, format)}</p>
      {clone.changes.length > 0 && (
        <>
          <ul
            className="jp-TransfersPlan-entries"
            tabIndex={0}
            aria-label={trans.__('Changed files')}
          >
            {clone.changes.map(change => (
              <Change
                key={change.path}
                change={change}
                isPicked={choice.picked.has(change.path)}
                format={format}
                onPick={isPicked => {
                  choice.pick(change.path, isPicked);
                  onChange();
                }}
              />
            ))}
          </ul>
          <label>
            <span>{trans.__('Message of the commit')}</span>
            <TextArea
              value={choice.message}
              onChange={message => {
                choice.message = message;
                onChange();
              }}
            />
          </label>
          <p className="jp-TransfersFrom-hint">{advice(clone, format)}</p>
        </>
      )}
    </fieldset>
  );
}

function Change(props: {
  change: ICloneChange;
  isPicked: boolean;
  format: Format;
  onPick: (isPicked: boolean) => void;
}): JSX.Element {
  const { change, isPicked, format, onPick } = props;
  return (
    <li data-action={change.kind === 'deleted' ? 'delete' : undefined}>
      <label className="jp-TransfersOptions-flag">
        <input
          type="checkbox"
          checked={isPicked}
          onChange={event => onPick(event.target.checked)}
        />
        <span>{change.path}</span>
      </label>
      <span>
        {[
          kindText(change.kind, format),
          change.size === null ? '' : format.bytes(change.size)
        ]
          .filter(Boolean)
          .join(' · ')}
      </span>
    </li>
  );
}

/** Which branch, and what of it was not pushed yet. */
function shown(clone: IClone, format: Format): string {
  const { trans } = format;
  const { ahead, branch, changes } = clone;
  const where =
    branch === null
      ? trans.__('The clone shows a single commit, and no branch.')
      : trans.__('The clone shows the branch %1.', branch);
  const commits =
    ahead === null || ahead === 0
      ? ''
      : trans._n(
          'One commit was not pushed yet.',
          '%2 commits were not pushed yet.',
          ahead,
          format.count(ahead)
        );
  const none = changes.length === 0 ? trans.__('No file was changed.') : '';
  return [where, commits, none]
    .filter(Boolean)
    .reduce((before, next) => format.sentences(before, next));
}

/** What to know before writing a message. */
function advice(clone: IClone, format: Format): string {
  const { trans } = format;
  if (clone.busy !== null) {
    return trans.__(
      'Something was begun in the clone and not finished: %1. Finish it in a terminal.',
      clone.busy
    );
  }
  if (clone.more) {
    return trans.__('More files were changed than are shown.');
  }
  if (clone.identity === null) {
    return trans.__(
      'git does not know who commits. Say it in a terminal: git config --global user.name and user.email.'
    );
  }
  return trans.__(
    'Without a message nothing is committed, and only commits that are there are pushed. You commit as %1.',
    `${clone.identity.name} <${clone.identity.email}>`
  );
}

function kindText(kind: ICloneChange['kind'], format: Format): string {
  const { trans } = format;
  switch (kind) {
    case 'added':
    case 'untracked':
      return trans._p('change', 'new');
    case 'deleted':
      return trans._p('change', 'deleted');
    case 'conflicted':
      return trans._p('change', 'in conflict');
    default:
      return trans._p('change', 'changed');
  }
}
