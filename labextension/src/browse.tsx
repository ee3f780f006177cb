/**
 * What lies at an address, to look around in: buckets, folders, files.
 *
 * The list is one stop of the Tab key; the arrow keys, Page Up and Down, Home and
 * End move in it, Enter goes into a folder or chooses a file, Backspace goes up.
 */

import { fileIcon, folderIcon } from '@jupyterlab/ui-components';
import * as React from 'react';
import { explain } from './errors';
import type { Format } from './format';
import { OWN_KEYS } from './formdialog';
import type { IBrowseEntry } from './job';
import type { Browser, ILevel } from './level';
import { isPlace } from './level';
import { splitName } from './names';
import type { IWindowedRows } from './windowed';
import { useWindowedRows, WindowedList } from './windowed';

/** Pixels, as in the style sheet. */
const ROW = 28;

type Open = Exclude<ILevel, { state: 'closed' }>;

export interface IBrowseListProps {
  readonly browser: Browser;
  readonly level: Open;
  readonly format: Format;
  /** An address was chosen. */
  readonly onChoose: (address: string) => void;
  /** The folder at an address was chosen. */
  readonly onUseFolder: (address: string) => void;
}

export function BrowseList(props: IBrowseListProps): JSX.Element {
  const { browser, level, format, onChoose, onUseFolder } = props;
  const { trans } = format;
  const group = React.useRef<HTMLDivElement>(null);
  const entries = entriesOf(level);
  const rows = useWindowedRows(entries.length, ROW);
  const focus = () => rows.box.current!.focus({ preventScroll: true });
  React.useLayoutEffect(() => {
    group.current!.scrollIntoView?.({ block: 'nearest' });
    focus();
  }, []);
  React.useLayoutEffect(
    () => rows.reveal(level.state === 'listed' ? level.current : 0),
    [level]
  );
  const goUp = () => {
    // The button may be of no use at the top.
    focus();
    browser.up();
  };
  const retry = () => {
    // The button goes with the problem.
    focus();
    browser.again();
  };
  const take = ({ address, folder }: IBrowseEntry) => {
    focus();
    if (folder) {
      void browser.open(address);
    } else {
      onChoose(address);
    }
  };
  const onKeyDown = (event: React.KeyboardEvent) => {
    const onRow = event.target === rows.box.current && entries.length > 0;
    if (event.key === 'Backspace') {
      goUp();
    } else if (event.key === 'Enter' && onRow) {
      take(entries[rows.chosen]);
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    <div
      ref={group}
      className="jp-TransfersBrowse"
      {...{ [OWN_KEYS]: 'Enter ArrowLeft ArrowRight' }}
      role="group"
      aria-label={
        level.address
          ? trans.__('What lies at %1', level.address)
          : trans.__('Where to begin')
      }
      onKeyDown={onKeyDown}
    >
      <div className="jp-TransfersBrowse-bar">
        <button
          type="button"
          className="jp-mod-styled"
          disabled={browser.parent === null}
          onClick={goUp}
        >
          {trans.__('Up')}
        </button>
        <span className="jp-TransfersBrowse-address" title={level.address}>
          <bdi>{level.address || trans.__('Where to begin')}</bdi>
        </span>
        <button
          type="button"
          className="jp-mod-styled"
          disabled={!isPlace(level.address)}
          onClick={() => onUseFolder(level.address)}
        >
          {trans.__('Use This Folder')}
        </button>
      </div>
      <div className="jp-TransfersBrowse-body">
        <Entries level={level} rows={rows} format={format} onTake={take} />
        <Problem level={level} format={format} onRetry={retry} />
      </div>
      <p className="jp-TransfersBrowse-status" role="status">
        {statusText(level, format)}
      </p>
    </div>
  );
}

const NONE: readonly IBrowseEntry[] = [];

function entriesOf(level: Open): readonly IBrowseEntry[] {
  return level.state === 'listed' ? level.entries : NONE;
}

interface IEntriesProps {
  readonly level: Open;
  readonly rows: IWindowedRows;
  readonly format: Format;
  readonly onTake: (entry: IBrowseEntry) => void;
}

function Entries(props: IEntriesProps): JSX.Element {
  const { level, rows, format, onTake } = props;
  const entries = entriesOf(level);
  return (
    <WindowedList
      rows={rows}
      role="listbox"
      label={format.trans.__('Folders and files')}
      busy={level.state === 'looking'}
    >
      {index => (
        <div
          key={index}
          id={rows.rowId(index)}
          role="option"
          className="jp-TransfersBrowse-row"
          aria-selected={index === rows.chosen}
          aria-posinset={index + 1}
          aria-setsize={rows.total}
          title={entries[index].path}
          onClick={() => onTake(entries[index])}
        >
          <EntryFacts entry={entries[index]} format={format} />
        </div>
      )}
    </WindowedList>
  );
}

function EntryFacts(props: {
  entry: IBrowseEntry;
  format: Format;
}): JSX.Element {
  const { entry, format } = props;
  const { head, tail } = splitName(entry.path);
  const icon = entry.folder ? folderIcon : fileIcon;
  return (
    <>
      <icon.react tag="span" stylesheet="listing" aria-hidden />
      <span className="jp-TransfersRow-name">
        <span className="jp-TransfersRow-nameHead">{head}</span>
        <span className="jp-TransfersRow-nameTail">{tail}</span>
      </span>
      <span className="jp-TransfersBrowse-size">
        {entry.folder || entry.size === null ? '' : format.bytes(entry.size)}
      </span>
    </>
  );
}

/** What stands in place of the entries. */
function Problem(props: {
  level: Open;
  format: Format;
  onRetry: () => void;
}): JSX.Element | null {
  const { level, format, onRetry } = props;
  if (level.state !== 'failed') {
    return null;
  }
  const { what, remedy } = explain(level.error, format);
  return (
    <div className="jp-TransfersBrowse-problem">
      <div className="jp-TransfersFound-error" role="alert">
        <p>{what}</p>
        <p>{remedy}</p>
      </div>
      <button type="button" className="jp-mod-styled" onClick={onRetry}>
        {format.trans.__('Try Again')}
      </button>
    </div>
  );
}

function statusText(level: Open, format: Format): string {
  const { trans } = format;
  switch (level.state) {
    case 'looking':
      return trans.__('Looking at the address…');
    case 'failed':
      return '';
    case 'listed': {
      const total = level.entries.length;
      if (!level.complete) {
        return trans.__(
          'There is more than the %1 entries shown; what is missing can be typed into the address.',
          format.count(total)
        );
      }
      return total === 0
        ? trans.__('Nothing lies here.')
        : trans._n('one entry', '%2 entries', total, format.count(total));
    }
  }
}
