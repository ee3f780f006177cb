/**
 * A drop-down list as JupyterLab's dialogs have it.
 */

import { caretDownEmptyIcon } from '@jupyterlab/ui-components';
import * as React from 'react';

export interface IChoice {
  readonly value: string;
  readonly label: string;
  readonly title?: string;
}

export function Select(props: {
  value: string;
  choices: readonly IChoice[];
  onChange: (value: string) => void;
  /** Its name for screen readers, where no label stands around it. */
  label?: string;
}): JSX.Element {
  const { value, choices, onChange, label } = props;
  return (
    <div className="jp-select-wrapper">
      <select
        className="jp-mod-styled"
        value={value}
        aria-label={label}
        onChange={event => onChange(event.target.value)}
      >
        {choices.map(choice => (
          <option key={choice.value} value={choice.value} title={choice.title}>
            {choice.label}
          </option>
        ))}
      </select>
      <caretDownEmptyIcon.react
        tag="span"
        stylesheet="select"
        right="8px"
        top="5px"
        width="18px"
      />
    </div>
  );
}
