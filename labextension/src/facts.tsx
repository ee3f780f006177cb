/**
 * What a row tells beside its state: numbers, another name, a verdict, the time.
 */

import * as React from 'react';
import type { Format } from './format';
import type { ITransfer } from './transfer';
import { renamedText, verdict } from './words';

/** Paths in a tooltip. */
const SHOWN = 10;

export function Numbers(props: { texts: readonly string[] }): JSX.Element {
  return (
    <>
      {props.texts.map((text, index) => (
        <span key={index}>{text}</span>
      ))}
    </>
  );
}

export function Renamed(props: {
  transfer: ITransfer;
  format: Format;
}): JSX.Element | null {
  const text = renamedText(props.transfer, props.format);
  const paths = props.transfer.renamed.slice(0, SHOWN).join('\n');
  return text === null ? null : <span title={paths}>{text}</span>;
}

export function Verdict(props: {
  transfer: ITransfer;
  format: Format;
}): JSX.Element | null {
  const words = verdict(props.transfer, props.format);
  return words && <span title={words.reason}>{words.text}</span>;
}

export function When(props: {
  transfer: ITransfer;
  format: Format;
}): JSX.Element | null {
  const { transfer, format } = props;
  if (transfer.finished === null) {
    return null;
  }
  const iso = new Date(transfer.finished).toISOString();
  return (
    <time dateTime={iso} title={format.dateTime(transfer.finished)}>
      {format.moment(transfer.finished)}
    </time>
  );
}
