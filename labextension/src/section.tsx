/**
 * A titled part of the list that folds, like the sections of JupyterLab's
 * other side panels.
 */

import { Button, caretDownEmptyIcon } from '@jupyterlab/ui-components';
import * as React from 'react';
import type { Format } from './format';
import { TransferRow } from './row';
import type { ITransfer } from './transfer';

/** Rows drawn at once; a long history unfolds in steps. */
export const PAGE = 50;

export interface ISectionProps {
  readonly id: string;
  readonly title: string;
  readonly transfers: readonly ITransfer[];
  readonly format: Format;
  /** The row where the Tab key stops. */
  readonly currentKey: string | null;
  readonly folded: boolean;
  readonly onFold: () => void;
  /** How many rows to draw. */
  readonly limit: number;
  readonly onMore: () => void;
  readonly run: (command: string, key: string) => void;
}

export function TransferSection(props: ISectionProps): JSX.Element | null {
  const { transfers, format, folded, limit } = props;
  if (!transfers.length) {
    return null;
  }
  const titleId = `jp-TransfersSection-${props.id}`;
  const hidden = transfers.length - limit;
  return (
    <section className="jp-TransfersSection" data-section={props.id}>
      <h2 className="jp-TransfersSection-title">
        <button
          className="jp-TransfersSection-toggle"
          aria-expanded={!folded}
          onClick={props.onFold}
        >
          <caretDownEmptyIcon.react
            tag="span"
            className="jp-TransfersSection-caret"
          />
          <span id={titleId} className="jp-TransfersSection-label">
            {props.title}
          </span>
          <span className="jp-TransfersSection-count">
            {format.count(transfers.length)}
          </span>
        </button>
      </h2>
      {!folded && (
        <ul className="jp-TransfersSection-list" aria-labelledby={titleId}>
          {transfers.slice(0, limit).map(transfer => (
            <TransferRow
              key={transfer.key}
              transfer={transfer}
              format={format}
              current={transfer.key === props.currentKey}
              run={props.run}
            />
          ))}
        </ul>
      )}
      {!folded && hidden > 0 && (
        <Button
          small
          minimal
          className="jp-TransfersSection-more"
          onClick={props.onMore}
        >
          {format.trans.__(
            'Show %1 more',
            format.count(Math.min(hidden, PAGE))
          )}
        </Button>
      )}
    </section>
  );
}
