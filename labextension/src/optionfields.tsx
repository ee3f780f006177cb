/**
 * The fields for what a backend lets a person choose, made from its declared
 * options. What is secret goes to the server's memory and nowhere else.
 */

import * as React from 'react';
import type { Format } from './format';
import type { IFormOption, OptionValue } from './job';
import { Select } from './select';
import { TextArea, TextInput } from './textinput';

type Values = Readonly<Record<string, OptionValue>>;

/** The options among `values`, with their types, without those left as they were. */
export function given(
  options: readonly IFormOption[],
  values: Values
): Record<string, OptionValue> {
  const result: Record<string, OptionValue> = {};
  for (const option of options) {
    const value = values[option.name];
    if (value === undefined || value === '') {
      continue;
    }
    if (option.type === 'flag' && value === (option.default ?? false)) {
      continue;
    }
    const numeric = option.type === 'integer' || option.type === 'number';
    result[option.name] = numeric ? Number(value) : value;
  }
  return result;
}

export interface IFieldsProps {
  readonly options: readonly IFormOption[];
  readonly values: Values;
  readonly format: Format;
  readonly onChange: (name: string, value: OptionValue) => void;
}

/** A field for each option. */
export function Fields(props: IFieldsProps): JSX.Element {
  return (
    <>
      {props.options.map(option => (
        <Field key={option.name} option={option} {...props} />
      ))}
    </>
  );
}

export interface IFoldProps {
  readonly title: string;
  /** Whether something in it has to be filled in: then it opens. */
  readonly needed?: boolean;
  readonly children: React.ReactNode;
}

/** Fields that are not always needed. */
export function Fold(props: IFoldProps): JSX.Element {
  const { title, needed = false, children } = props;
  const [open, setOpen] = React.useState(needed);
  React.useEffect(() => {
    if (needed) {
      setOpen(true);
    }
  }, [needed]);
  return (
    <details
      className="jp-TransfersOptions"
      open={open}
      onToggle={event => setOpen(event.currentTarget.open)}
    >
      <summary>{title}</summary>
      <div className="jp-TransfersOptions-fields">{children}</div>
    </details>
  );
}

/** The options of a backend. */
export function OptionFields(
  props: IFieldsProps & {
    /** Of the backend. */
    title: string;
    needed: boolean;
    /** What stands before the options. */
    children?: React.ReactNode;
  }
): JSX.Element | null {
  const { title, needed, children, ...rest } = props;
  if (!rest.options.length && !children) {
    return null;
  }
  const { trans } = rest.format;
  const name = translated(title, rest.format);
  return (
    <Fold title={trans.__('Options for %1', name)} needed={needed}>
      {children}
      <Fields {...rest} />
    </Fold>
  );
}

type IFieldProps = Omit<IFieldsProps, 'options'> & { option: IFormOption };

function Field(props: IFieldProps): JSX.Element {
  const { option, values, format, onChange } = props;
  const help = translated(option.help, format);
  const label = option.label ?? labelOf(option, format);
  if (option.type === 'flag') {
    const checked = values[option.name] ?? option.default ?? false;
    return (
      <label className="jp-TransfersOptions-flag" title={help}>
        <input
          type="checkbox"
          checked={checked === true}
          onChange={event => onChange(option.name, event.target.checked)}
        />
        <span>{label}</span>
      </label>
    );
  }
  return (
    <label title={help}>
      <span>{label}</span>
      {option.choices.length ? <Choice {...props} /> : <Entry {...props} />}
    </label>
  );
}

function Choice(props: IFieldProps): JSX.Element {
  const { option, values, format, onChange } = props;
  const choices = option.choices.map(value => ({
    value,
    label: option.names?.[value] ?? translated(value, format)
  }));
  const free = option.default === null || option.default === '';
  return (
    <Select
      value={String(values[option.name] ?? option.default ?? '')}
      choices={free ? [{ value: '', label: '' }, ...choices] : choices}
      onChange={value => onChange(option.name, value)}
    />
  );
}

/** Options that may have several lines. */
const OF_LINES: ReadonlySet<string> = new Set([
  'commit_message',
  'headers',
  'paths',
  'sparse'
]);

function Entry(props: IFieldProps): JSX.Element {
  const { option, values, onChange } = props;
  const { name, secret, suggestions = [] } = option;
  const listId = React.useId();
  const value = String(values[name] ?? '');
  const change = (text: string) => onChange(name, text);
  if (option.type === 'lines' || OF_LINES.has(name)) {
    return <TextArea value={value} secret={secret} onChange={change} />;
  }
  const numeric = option.type === 'integer' || option.type === 'number';
  return (
    <>
      <TextInput
        type={
          secret
            ? 'password'
            : numeric
              ? 'number'
              : option.type === 'moment'
                ? 'datetime-local'
                : 'text'
        }
        required={option.required}
        autoComplete={secret ? 'new-password' : 'off'}
        value={value}
        placeholder={option.default === null ? '' : String(option.default)}
        list={suggestions.length ? listId : undefined}
        onChange={change}
      />
      {suggestions.length > 0 && (
        <datalist id={listId}>
          {suggestions.map(each => (
            <option key={each.value} value={each.value}>
              {each.help}
            </option>
          ))}
        </datalist>
      )}
    </>
  );
}

const ACRONYMS: Readonly<Record<string, string>> = {
  acl: 'ACL',
  id: 'ID',
  kms: 'KMS',
  sha256: 'SHA-256',
  sse: 'SSE',
  tls: 'TLS',
  url: 'URL',
  webdav: 'WebDAV'
};

/** The name as a person writes it; it is the flag of the command line, too. */
export function labelOf(
  { name }: Pick<IFormOption, 'name'>,
  format: Format
): string {
  const known = translated(name, format);
  if (known !== name) {
    return known;
  }
  const words = name.split('_').map(word => ACRONYMS[word] ?? word);
  const label = words.join(' ');
  return label.charAt(0).toUpperCase() + label.slice(1);
}

/** A text that a backend declares, in the person's language where it is known. */
export function translated(text: string, format: Format): string {
  return text && format.trans._p('option', text);
}
