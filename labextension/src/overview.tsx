/**
 * The header line of the panel: all transfers in one line and one bar.
 */

import * as React from 'react';
import { explain } from './errors';
import type { Format } from './format';
import type { TransferModel } from './model';
import { Progress } from './progress';
import type { ISummary } from './summary';

export function Overview(props: {
  model: TransferModel;
  format: Format;
}): JSX.Element | null {
  const { model, format } = props;
  const { summary, problem } = model;
  const texts = summaryTexts(summary, format);
  if (!texts.length && !problem) {
    return null;
  }
  const text = texts.join(' · ');
  return (
    <div className="jp-TransfersOverview">
      {problem && (
        <p className="jp-TransfersOverview-problem">
          {explain(problem, format).what}{' '}
          {format.trans.__('What is shown may be old.')}
        </p>
      )}
      {text && (
        <p className="jp-TransfersOverview-text jp-TransfersFacts">
          {texts.map((each, index) => (
            <span key={index}>{each}</span>
          ))}
        </p>
      )}
      {summary.running + summary.waiting > 0 && (
        <Progress
          fraction={summary.fraction}
          moving={summary.running > 0}
          label={format.trans.__('Progress of all transfers')}
          text={text}
        />
      )}
    </div>
  );
}

/** `3 running`, `12 waiting`, `84 MB/s`, `4 min left`: what is worth saying. */
export function summaryTexts(
  summary: ISummary,
  format: Format
): readonly string[] {
  const { trans } = format;
  const texts: string[] = [];
  if (summary.running) {
    texts.push(trans.__('%1 running', format.count(summary.running)));
  }
  if (summary.paused) {
    texts.push(trans.__('%1 paused', format.count(summary.paused)));
  }
  if (summary.waiting) {
    texts.push(trans.__('%1 waiting', format.count(summary.waiting)));
  }
  if (summary.rate !== null) {
    texts.push(format.rate(summary.rate));
  }
  if (summary.left !== null) {
    texts.push(format.left(summary.left));
  }
  return texts;
}
