/**
 * A bar that fills, or runs while nobody knows how long it takes.
 */

import * as React from 'react';

export interface IProgressProps {
  /** 0 to 1; null while unknown. */
  readonly fraction: number | null;
  /** Whether something is going on; an unknown bar stands still otherwise. */
  readonly moving: boolean;
  /** The name of the bar. */
  readonly label: string;
  /** What it says aloud. */
  readonly text: string;
}

export function Progress(props: IProgressProps): JSX.Element {
  const { fraction, moving, label, text } = props;
  const percent = fraction === null ? undefined : Math.floor(fraction * 100);
  const left = fraction === null ? 0 : (fraction - 1) * 100;
  const classes = ['jp-TransfersProgress'];
  if (fraction === null) {
    classes.push('jp-mod-unknown');
  }
  if (moving) {
    classes.push('jp-mod-moving');
  }
  return (
    <div
      className={classes.join(' ')}
      role="progressbar"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={percent}
      aria-valuetext={text || undefined}
    >
      <div
        className="jp-TransfersProgress-fill"
        style={left === 0 ? undefined : { transform: `translateX(${left}%)` }}
      />
    </div>
  );
}
