/**
 * The fields for what a backend lets a person choose, made from its declared
 * options. What is secret goes to the server's memory and nowhere else.
 */

import { caretDownEmptyIcon } from '@jupyterlab/ui-components';
import * as React from 'react';
import type { Format } from './format';
import type { IBackend, IBackendOption, OptionValue } from './job';

type Values = Readonly<Record<string, OptionValue>>;

/** The options of `backend` among `values`, without those left at nothing. */
export function given(
  backend: IBackend,
  values: Values
): Record<string, OptionValue> {
  const result: Record<string, OptionValue> = {};
  for (const { name, type } of backend.options) {
    const value = values[name];
    if (value === undefined || value === '' || value === false) {
      continue;
    }
    result[name] =
      type === 'integer' || type === 'number' ? Number(value) : value;
  }
  return result;
}

export interface IFieldsProps {
  readonly backend: IBackend;
  readonly values: Values;
  readonly onChange: (name: string, value: OptionValue) => void;
}

export interface IOptionFieldsProps extends IFieldsProps {
  /** Whether the other side asks for credentials: then the fields are shown. */
  readonly needed: boolean;
  readonly format: Format;
}

/** A field for each option. */
export function Fields(props: IFieldsProps): JSX.Element {
  return (
    <div className="jp-TransfersOptions-fields">
      {props.backend.options.map(option => (
        <Field key={option.name} option={option} {...props} />
      ))}
    </div>
  );
}

export function OptionFields(props: IOptionFieldsProps): JSX.Element | null {
  const { backend, needed, format } = props;
  const [open, setOpen] = React.useState(needed);
  React.useEffect(() => {
    if (needed) {
      setOpen(true);
    }
  }, [needed]);
  if (!backend.options.length) {
    return null;
  }
  return (
    <details
      className="jp-TransfersOptions"
      open={open}
      onToggle={event => setOpen(event.currentTarget.open)}
    >
      <summary>{format.trans.__('Options for %1', backend.title)}</summary>
      <Fields {...props} />
    </details>
  );
}

function Field(props: IFieldsProps & { option: IBackendOption }): JSX.Element {
  const { option } = props;
  if (option.type === 'flag') {
    return <Flag {...props} />;
  }
  return (
    <label title={option.help}>
      <span>{labelOf(option)}</span>
      {option.choices.length ? <Choice {...props} /> : <Entry {...props} />}
    </label>
  );
}

function Flag(props: IFieldsProps & { option: IBackendOption }) {
  const { option, values, onChange } = props;
  const checked = values[option.name] ?? option.default ?? false;
  return (
    <label className="jp-TransfersOptions-flag" title={option.help}>
      <input
        type="checkbox"
        checked={checked === true}
        onChange={event => onChange(option.name, event.target.checked)}
      />
      <span>{labelOf(option)}</span>
    </label>
  );
}

function Choice(props: IFieldsProps & { option: IBackendOption }) {
  const { option, values, onChange } = props;
  return (
    <div className="jp-select-wrapper">
      <select
        className="jp-mod-styled"
        value={String(values[option.name] ?? option.default ?? '')}
        onChange={event => onChange(option.name, event.target.value)}
      >
        {option.default === null && <option value="" />}
        {option.choices.map(choice => (
          <option key={choice}>{choice}</option>
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

function Entry(props: IFieldsProps & { option: IBackendOption }) {
  const { option, values, onChange } = props;
  // Local, because the widget draws too late for the caret to stay in place.
  const [text, setText] = React.useState(String(values[option.name] ?? ''));
  const there = values[option.name];
  React.useEffect(() => {
    if (there !== undefined) {
      setText(String(there));
    }
  }, [there]);
  const numeric = option.type === 'integer' || option.type === 'number';
  return (
    <input
      className="jp-mod-styled"
      type={option.secret ? 'password' : numeric ? 'number' : 'text'}
      required={option.required}
      spellCheck={false}
      autoComplete={option.secret ? 'new-password' : 'off'}
      value={text}
      placeholder={option.default === null ? '' : String(option.default)}
      onChange={event => {
        setText(event.target.value);
        onChange(option.name, event.target.value);
      }}
    />
  );
}

/** The name as a person writes it; it is the flag of the command line, too. */
function labelOf(option: IBackendOption): string {
  const words = option.name.replace(/_/g, ' ');
  return words.charAt(0).toUpperCase() + words.slice(1);
}
