/**
 * The files of a job, however many: only those in sight are in the page.
 * What there is to say about the chosen one stands below.
 */

import * as React from 'react';
import type { FilePages } from './filepages';
import { fileNotes, fileStateText, fileVerdict } from './filewords';
import type { Format } from './format';
import type { IJobFile } from './job';
import { isAddress, splitName } from './names';
import { useWindowedRows, WindowedList } from './windowed';

/** Milliseconds at rest before rows that came in sight are asked for. */
const PAUSE = 60;

/** States of files that are whole. */
const OPENABLE: ReadonlySet<string> = new Set(['done', 'present']);

export interface IFileListProps {
  readonly pages: FilePages;
  readonly label: string;
  readonly format: Format;
  /** Enter or a double click opens a file that is here; without, none. */
  readonly onOpen?: (file: IJobFile) => void;
}

export function FileList(props: IFileListProps): JSX.Element {
  const { pages, label, format, onOpen } = props;
  useNews(pages);
  const total = pages.total ?? 0;
  const rows = useWindowedRows(total);
  const { first, end, chosen } = rows;
  React.useEffect(() => {
    const timer = setTimeout(() => pages.need(first, end), PAUSE);
    return () => clearTimeout(timer);
  }, [pages, first, end]);
  const file = pages.row(chosen);
  return (
    <div className="jp-TransfersFiles">
      <WindowedList
        rows={rows}
        role="listbox"
        label={label}
        busy={pages.total === null}
        onKeyDown={event => {
          if (event.key === 'Enter') {
            event.preventDefault();
            openHere(file, onOpen);
          }
        }}
      >
        {index => (
          <FileRow
            key={index}
            id={rows.rowId(index)}
            index={index}
            total={total}
            file={pages.row(index)}
            chosen={index === chosen}
            format={format}
            onChoose={rows.choose}
            onOpen={onOpen}
          />
        )}
      </WindowedList>
      <Notes pages={pages} index={chosen} format={format} />
    </div>
  );
}

interface IFileRowProps {
  readonly id: string;
  readonly index: number;
  readonly total: number;
  readonly file: IJobFile | undefined;
  readonly chosen: boolean;
  readonly format: Format;
  readonly onChoose: (index: number) => void;
  readonly onOpen?: (file: IJobFile) => void;
}

const FileRow = React.memo(function FileRow(props: IFileRowProps) {
  const { id, index, total, file, chosen, format } = props;
  const { onChoose, onOpen } = props;
  return (
    <div
      id={id}
      role="option"
      className="jp-TransfersFiles-row"
      data-state={file?.state}
      data-action={file?.action}
      aria-selected={chosen}
      aria-posinset={index + 1}
      aria-setsize={total}
      onClick={() => onChoose(index)}
      onDoubleClick={() => openHere(file, onOpen)}
    >
      {file ? <FileFacts file={file} format={format} /> : '…'}
    </div>
  );
});

/** Open a file if it lies on this server. */
function openHere(
  file: IJobFile | undefined,
  onOpen?: (file: IJobFile) => void
): void {
  if (file && OPENABLE.has(file.state) && file.action !== 'delete') {
    if (!isAddress(file.path)) {
      onOpen?.(file);
    }
  }
}

function FileFacts(props: { file: IJobFile; format: Format }): JSX.Element {
  const { file, format } = props;
  const { head, tail } = splitName(file.path);
  const facts = [
    fileStateText(file, format),
    fileVerdict(file, format),
    file.error ? fileNotes(file, format)[0] : ''
  ].filter(Boolean);
  return (
    <>
      <span className="jp-TransfersFiles-line">
        <span className="jp-TransfersRow-name" title={file.path}>
          <span className="jp-TransfersRow-nameHead">{head}</span>
          <span className="jp-TransfersRow-nameTail">{tail}</span>
        </span>
        <span className="jp-TransfersFiles-size">
          {file.size === null ? '' : format.bytes(file.size)}
        </span>
      </span>
      <span className="jp-TransfersFiles-facts">{facts.join(' · ')}</span>
    </>
  );
}

/** The chosen file in full. */
function Notes(props: {
  pages: FilePages;
  index: number;
  format: Format;
}): JSX.Element {
  const { pages, index, format } = props;
  const { trans } = format;
  const file = pages.row(index);
  return (
    <div className="jp-TransfersFiles-notes" aria-live="polite">
      {pages.total === 0 && <p>{trans.__('No files.')}</p>}
      {file && <p className="jp-TransfersFiles-path">{file.path}</p>}
      {file && fileNotes(file, format).map(note => <p key={note}>{note}</p>)}
    </div>
  );
}

/** Draw anew when the pages change. */
function useNews(pages: FilePages): void {
  const [, draw] = React.useReducer((count: number) => count + 1, 0);
  React.useEffect(() => {
    const onChange = () => draw();
    pages.changed.connect(onChange);
    return () => void pages.changed.disconnect(onChange);
  }, [pages]);
}
