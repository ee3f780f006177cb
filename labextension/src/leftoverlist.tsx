/**
 * The entries of the dialog of leftovers, each with its buttons.
 */

import * as React from 'react';
import type { Format } from './format';
import type { IRemain, Leftovers } from './leftovers';
import { leftoverFacts, leftoverName, leftoverNotes } from './leftoverwords';
import { splitName } from './names';
import { useWindowedRows, WindowedList } from './windowed';

export function LeftoverList(props: {
  leftovers: Leftovers;
  entries: readonly IRemain[];
  format: Format;
}): JSX.Element {
  const { leftovers, entries, format } = props;
  const { trans } = format;
  const rows = useWindowedRows(entries.length);
  const current = entries[rows.chosen];
  const act = (run: () => Promise<void>) => {
    // The button may go with its row.
    rows.box.current!.focus({ preventScroll: true });
    void run();
  };
  const onKeyDown = (event: React.KeyboardEvent) => {
    if (event.key === 'Delete' && event.target === rows.box.current) {
      event.preventDefault();
      act(() => leftovers.clean(current));
    }
  };
  return (
    <div className="jp-TransfersFiles">
      <WindowedList
        rows={rows}
        role="grid"
        label={trans.__('Leftovers')}
        busy={leftovers.isLooking}
        onKeyDown={onKeyDown}
      >
        {index => (
          <Row
            key={entries[index].id}
            id={rows.rowId(index)}
            index={index}
            entry={entries[index]}
            chosen={index === rows.chosen}
            leftovers={leftovers}
            format={format}
            onChoose={() => rows.choose(index)}
            act={act}
          />
        )}
      </WindowedList>
      <div className="jp-TransfersFiles-notes" aria-live="polite">
        <p className="jp-TransfersFiles-path">{current.path}</p>
        {leftoverNotes(leftovers, current, format).map(note => (
          <p key={note}>{note}</p>
        ))}
      </div>
    </div>
  );
}

interface IRowProps {
  readonly id: string;
  readonly index: number;
  readonly entry: IRemain;
  readonly chosen: boolean;
  readonly leftovers: Leftovers;
  readonly format: Format;
  readonly onChoose: () => void;
  readonly act: (run: () => Promise<void>) => void;
}

function Row(props: IRowProps): JSX.Element {
  const { id, index, entry, chosen, leftovers, format, onChoose, act } = props;
  const { trans } = format;
  const { head, tail } = splitName(leftoverName(entry));
  const button = (label: string, name: string, run: () => Promise<void>) => (
    <button
      type="button"
      className="jp-mod-styled"
      // The list is one stop of the Tab key, the buttons of its row the next.
      tabIndex={chosen ? 0 : -1}
      disabled={leftovers.isBusy(entry) || leftovers.progress !== null}
      aria-label={name}
      onClick={() => act(run)}
    >
      {label}
    </button>
  );
  return (
    <div
      id={id}
      role="row"
      className="jp-TransfersFiles-row jp-TransfersLeftovers-row"
      data-state={leftovers.failure(entry) ? 'failed' : undefined}
      aria-rowindex={index + 1}
      aria-selected={chosen}
      onClick={onChoose}
    >
      <div role="gridcell" className="jp-TransfersLeftovers-what">
        <span className="jp-TransfersFiles-line">
          <span className="jp-TransfersRow-name" title={entry.path}>
            <span className="jp-TransfersRow-nameHead">{head}</span>
            <span className="jp-TransfersRow-nameTail">{tail}</span>
          </span>
          <span className="jp-TransfersFiles-size">
            {entry.size === null
              ? trans.__('unknown size')
              : format.bytes(entry.size)}
          </span>
        </span>
        <span className="jp-TransfersFiles-facts">
          {leftoverFacts(leftovers, entry, format)}
        </span>
      </div>
      <div role="gridcell" className="jp-TransfersLeftovers-acts">
        {leftovers.canForget(entry) &&
          button(trans.__('Forget'), trans.__('Forget %1', entry.path), () =>
            leftovers.forget(entry)
          )}
        {button(trans.__('Clean'), trans.__('Clean %1', entry.path), () =>
          leftovers.clean(entry)
        )}
      </div>
    </div>
  );
}
