/**
 * A long list of which only the rows in sight are in the page.
 *
 * One stop of the Tab key; the arrow keys, Page Up and Down, Home and End move
 * from row to row.
 */

import * as React from 'react';
import type { IWindow } from './windowing';
import { scrollFor, windowAt } from './windowing';

/** Pixels of a row of two lines, as in the style sheet. */
const ROW = 44;

/** Rows in sight, until the box is measured. */
const FIRST = 10;

export interface IWindowedRows extends IWindow {
  readonly total: number;
  /** The row that the keys are at; 0 if there is none. */
  readonly chosen: number;
  choose(index: number): void;
  /** Choose a row and scroll to it. */
  reveal(index: number): void;
  /** The id of the element of a row. */
  rowId(index: number): string;
  /** The element that scrolls; it has the focus. */
  readonly box: React.RefObject<HTMLDivElement>;
  /** Pixels of each row. */
  readonly rowHeight: number;
  readonly viewport: number;
  readonly onScroll: () => void;
  readonly onKeyDown: (event: React.KeyboardEvent) => void;
}

/**
 * What a list of `total` rows shows, and where the keys are.
 *
 * @param rowHeight - Pixels of each row, as in the style sheet.
 */
export function useWindowedRows(total: number, rowHeight = ROW): IWindowedRows {
  const box = React.useRef<HTMLDivElement>(null);
  const [current, choose] = React.useState(0);
  const { scrollTop, viewport, onScroll } = useScroll(box, rowHeight);
  const prefix = React.useId();
  const chosen = Math.min(current, Math.max(0, total - 1));

  const reveal = (index: number) => {
    choose(index);
    const list = box.current!;
    const { scrollTop: from } = list;
    list.scrollTop = scrollFor(index, total, rowHeight, viewport, from);
  };
  const onKeyDown = (event: React.KeyboardEvent) => {
    const page = Math.max(1, Math.floor(viewport / rowHeight) - 1);
    const next = {
      ArrowDown: chosen + 1,
      ArrowUp: chosen - 1,
      PageDown: chosen + page,
      PageUp: chosen - page,
      Home: 0,
      End: total - 1
    }[event.key];
    if (next === undefined || total === 0) {
      return;
    }
    event.preventDefault();
    // The dialog has a use for some of these keys, too.
    event.stopPropagation();
    reveal(Math.min(Math.max(next, 0), total - 1));
  };

  return {
    ...windowAt(total, rowHeight, viewport, scrollTop),
    ...{ total, chosen, choose, reveal, box, rowHeight, viewport },
    ...{ onScroll, onKeyDown },
    rowId: index => `${prefix}${index}`
  };
}

export interface IWindowedListProps {
  readonly rows: IWindowedRows;
  /** A grid where rows have something to press. */
  readonly role: 'listbox' | 'grid';
  readonly label: string;
  readonly busy?: boolean;
  /** Keys that the list itself has no use for. */
  readonly onKeyDown?: (event: React.KeyboardEvent) => void;
  /** A row; its element has the id `rows.rowId(index)`. */
  readonly children: (index: number) => React.ReactNode;
}

export function WindowedList(props: IWindowedListProps): JSX.Element {
  const { rows, role, label, busy, onKeyDown, children } = props;
  const { box, chosen, first, end, total } = rows;
  const onScroll = () => {
    rows.onScroll();
    keepFocus(rows);
  };
  return (
    <div
      ref={box}
      className="jp-TransfersFiles-box"
      role={role}
      tabIndex={0}
      aria-label={label}
      aria-busy={busy}
      aria-rowcount={role === 'grid' ? total : undefined}
      aria-activedescendant={
        chosen >= first && chosen < end ? rows.rowId(chosen) : undefined
      }
      onScroll={onScroll}
      onKeyDown={event => {
        rows.onKeyDown(event);
        onKeyDown?.(event);
      }}
    >
      <div style={{ height: rows.height }} role="presentation">
        <div
          style={{ transform: `translateY(${rows.top}px)` }}
          role="presentation"
        >
          {Array.from({ length: end - first }, (_, n) => children(first + n))}
        </div>
      </div>
    </div>
  );
}

/** A button that has the focus may leave the page with its row: the list takes it. */
function keepFocus(rows: IWindowedRows): void {
  const { box, chosen, total, rowHeight, viewport } = rows;
  const { activeElement } = document;
  const list = box.current!;
  if (activeElement === list || !list.contains(activeElement)) {
    return;
  }
  const { first, end } = windowAt(total, rowHeight, viewport, list.scrollTop);
  if (chosen < first || chosen >= end) {
    list.focus({ preventScroll: true });
  }
}

function useScroll(box: React.RefObject<HTMLDivElement>, rowHeight: number) {
  const [scrollTop, setScrollTop] = React.useState(0);
  const [viewport, setViewport] = React.useState(FIRST * rowHeight);
  React.useEffect(() => {
    const measure = () =>
      setViewport(box.current?.clientHeight || FIRST * rowHeight);
    const observer = new ResizeObserver(measure);
    observer.observe(box.current!);
    return () => observer.disconnect();
  }, []);
  return {
    scrollTop,
    viewport,
    onScroll: () => setScrollTop(box.current!.scrollTop)
  };
}
