/**
 * A remote of rclone that is made up for one transfer: its kind, and the options
 * that rclone itself declares for it. The server never writes it to a disk.
 */

import * as React from 'react';
import type { Format } from './format';
import type { IFormOption, IRemoteKind, IRemoteOption } from './job';
import type { OptionValue } from './job';
import { Fields, Fold, labelOf } from './optionfields';
import { Select } from './select';

/** The declared options that this form fills in. */
export const REMOTE_OPTIONS: ReadonlySet<string> = new Set([
  'remote_type',
  'remote_options',
  'remote_secrets'
]);

type Values = Readonly<Record<string, OptionValue>>;

export interface IRemoteFieldsProps {
  /** Of the backend; those of `REMOTE_OPTIONS` are read and written. */
  readonly values: Values;
  readonly kinds: () => Promise<readonly IRemoteKind[]>;
  readonly format: Format;
  readonly onChange: (name: string, value: OptionValue) => void;
}

export function RemoteFields(props: IRemoteFieldsProps): JSX.Element {
  const { values, format, onChange } = props;
  const { trans } = format;
  const [kinds, setKinds] = React.useState<readonly IRemoteKind[]>([]);
  React.useEffect(() => {
    props.kinds().then(setKinds, () => undefined);
  }, []);
  const kind = kinds.find(({ type }) => type === values.remote_type);
  const choose = (type: string) => {
    onChange('remote_options', '');
    onChange('remote_secrets', '');
    onChange('remote_type', type);
  };
  return (
    <>
      <label>
        <span>{trans.__('Kind of remote')}</span>
        <Select
          value={String(values.remote_type ?? '')}
          choices={[
            { value: '', label: trans.__('As in rclone.conf') },
            ...kinds.map(({ type, title }) => ({
              value: type,
              label: `${type} – ${title}`
            }))
          ]}
          onChange={choose}
        />
      </label>
      {kind && <OptionsOfKind key={kind.type} {...props} kind={kind} />}
    </>
  );
}

function OptionsOfKind(
  props: IRemoteFieldsProps & { kind: IRemoteKind }
): JSX.Element {
  const { kind, values, format, onChange } = props;
  const filled = filledIn(values);
  const provider = String(filled.provider ?? '');
  const options = kind.options.filter(option => isFor(option, provider));
  const change = (name: string, value: OptionValue) => {
    const secret = kind.options.some(each => each.name === name && each.secret);
    const slot = secret ? 'remote_secrets' : 'remote_options';
    onChange(slot, withValue(values[slot], name, value));
  };
  const fields = (advanced: boolean) => (
    <Fields
      options={options
        .filter(option => option.advanced === advanced)
        .map(option => fieldOf(option, provider, format))}
      values={filled}
      format={format}
      onChange={change}
    />
  );
  return (
    <>
      {fields(false)}
      {options.some(option => option.advanced) && (
        <Fold title={format.trans.__('Advanced options')}>{fields(true)}</Fold>
      )}
    </>
  );
}

/** What was filled in, secret or not. */
function filledIn(values: Values): Record<string, OptionValue> {
  return { ...parsed(values.remote_options), ...parsed(values.remote_secrets) };
}

function parsed(text: OptionValue | undefined): Record<string, OptionValue> {
  return text ? JSON.parse(String(text)) : {};
}

/** The JSON `text` with another value of `name`; '' when nothing is left in it. */
function withValue(
  text: OptionValue | undefined,
  name: string,
  value: OptionValue
): string {
  const next = { ...parsed(text), [name]: value };
  if (value === '') {
    delete next[name];
  }
  return Object.keys(next).length ? JSON.stringify(next) : '';
}

/** Whether an option, or a choice, is for this provider (`AWS,Ceph`, `!AWS`). */
export function isFor(
  { provider }: Pick<IRemoteOption, 'provider'>,
  chosen: string
): boolean {
  if (!provider) {
    return true;
  }
  const but = provider.startsWith('!');
  const names = provider.replace(/^!/, '').split(',');
  return names.includes(chosen) !== but;
}

function fieldOf(
  option: IRemoteOption,
  provider: string,
  format: Format
): IFormOption {
  const { choices, ...rest } = option;
  const known = choices.filter(choice => isFor(choice, provider));
  // rclone's examples are suggestions, but the provider is one of them.
  const closed = option.name === 'provider';
  return {
    ...rest,
    label: labelOf(rest, format),
    choices: closed ? known.map(({ value }) => value) : [],
    suggestions: closed ? [] : known
  };
}
