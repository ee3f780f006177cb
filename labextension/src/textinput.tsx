/**
 * A line of text in a form that a Lumino widget draws.
 */

import * as React from 'react';

type InputProps = React.InputHTMLAttributes<HTMLInputElement>;

export interface ITextProps extends Omit<
  InputProps,
  'value' | 'onChange' | 'className'
> {
  readonly value: string;
  readonly onChange: (value: string) => void;
  /** Why the value is of no use; '' when it is. */
  readonly problem?: string;
}

export function TextInput(props: ITextProps): JSX.Element {
  const { value, onChange, problem = '', ...rest } = props;
  const input = React.useRef<HTMLInputElement>(null);
  // Local, because the widget draws too late for the caret to stay in place.
  const [text, setText] = React.useState(value);
  React.useEffect(() => setText(value), [value]);
  React.useLayoutEffect(() => input.current?.setCustomValidity(problem));
  return (
    <input
      type="text"
      spellCheck={false}
      autoComplete="off"
      {...rest}
      ref={input}
      className="jp-mod-styled"
      value={text}
      aria-invalid={problem !== ''}
      onChange={event => {
        setText(event.target.value);
        onChange(event.target.value);
      }}
    />
  );
}

/** Several lines; what is secret is shown as dots. */
export function TextArea(props: {
  value: string;
  secret?: boolean;
  onChange: (value: string) => void;
}): JSX.Element {
  const { value, secret = false, onChange } = props;
  const [text, setText] = React.useState(value);
  React.useEffect(() => setText(value), [value]);
  return (
    <textarea
      className="jp-mod-styled jp-TransfersOptions-lines"
      rows={2}
      spellCheck={false}
      autoComplete="off"
      data-secret={secret}
      value={text}
      onChange={event => {
        setText(event.target.value);
        onChange(event.target.value);
      }}
    />
  );
}
