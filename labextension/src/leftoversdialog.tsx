/**
 * The dialog with what interrupted transfers have left: where, how much, since
 * when, and buttons that remove it.
 */

import { Dialog, ReactWidget } from '@jupyterlab/apputils';
import * as React from 'react';
import type { TransferApi } from './api';
import { explain } from './errors';
import type { Format } from './format';
import { LeftoverList } from './leftoverlist';
import { Leftovers } from './leftovers';
import { leftoverTotals, questionText } from './leftoverwords';
import { ListDialog } from './listdialog';

export async function showLeftovers(
  api: Pick<TransferApi, 'leftovers' | 'removeLeftover'>,
  format: Format
): Promise<void> {
  const { trans } = format;
  const dialog = new ListDialog<void>({
    title: trans.__('Leftovers of Interrupted Transfers'),
    body: new LeftoversView(new Leftovers(api), format),
    buttons: [Dialog.cancelButton({ label: trans.__('Close') })],
    hasClose: true
  });
  dialog.addClass('jp-TransfersFiles-dialog');
  await dialog.launch();
}

class LeftoversView extends ReactWidget {
  constructor(
    private _leftovers: Leftovers,
    private _format: Format
  ) {
    super();
    this.addClass('jp-TransfersFiles-view');
    _leftovers.changed.connect(() => this.update());
    void _leftovers.look();
  }

  dispose(): void {
    this._leftovers.dispose();
    super.dispose();
  }

  protected render(): JSX.Element {
    return <View leftovers={this._leftovers} format={this._format} />;
  }
}

interface IProps {
  readonly leftovers: Leftovers;
  readonly format: Format;
}

function View({ leftovers, format }: IProps): JSX.Element {
  const { trans } = format;
  const { entries, isComplete, problem } = leftovers;
  return (
    <>
      <Bar leftovers={leftovers} format={format} />
      {problem && (
        <p className="jp-TransfersFound-error" role="alert">
          {format.sentences(
            explain(problem, format).what,
            explain(problem, format).remedy
          )}
        </p>
      )}
      {!isComplete && (
        <p>
          {trans.__(
            'The server had no time to look into all folders: there may be more.'
          )}
        </p>
      )}
      {entries !== null && entries.length === 0 && (
        <p className="jp-TransfersFound-hint">
          {trans.__(
            'What interrupted transfers leave behind appears here when nobody has written to it for a day.'
          )}
        </p>
      )}
      {entries !== null && entries.length > 0 && (
        <LeftoverList leftovers={leftovers} entries={entries} format={format} />
      )}
    </>
  );
}

/** What there is in all, and what can be done with all of it. */
function Bar({ leftovers, format }: IProps): JSX.Element {
  const { trans } = format;
  const { isLooking, progress } = leftovers;
  const count = leftovers.entries?.length ?? 0;
  const [asks, ask] = React.useState(false);
  const text = React.useRef<HTMLSpanElement>(null);
  const all = React.useRef<HTMLButtonElement>(null);
  // What had the focus may be gone with the last entry.
  React.useEffect(() => {
    if (count === 0 && document.activeElement === document.body) {
      text.current!.focus();
    }
  }, [count]);
  const busy = isLooking || progress !== null;
  const act = (run: () => Promise<void>) => {
    // The buttons are off meanwhile, and what is off loses the focus.
    text.current!.focus();
    ask(false);
    void run();
  };
  return (
    <>
      <div className="jp-TransfersFiles-bar jp-TransfersLeftovers-bar">
        <span
          ref={text}
          className="jp-TransfersFiles-total"
          role="status"
          tabIndex={-1}
        >
          {leftoverTotals(leftovers, format)}
        </span>
        <button
          type="button"
          className="jp-mod-styled"
          disabled={busy}
          onClick={() => act(() => leftovers.look())}
        >
          {trans.__('Look Again')}
        </button>
        <button
          ref={all}
          type="button"
          className="jp-mod-styled"
          disabled={busy || count === 0}
          aria-expanded={asks}
          onClick={() => ask(true)}
        >
          {trans.__('Clean All…')}
        </button>
      </div>
      {asks && !busy && count > 0 && (
        <Question
          text={questionText(leftovers, format)}
          format={format}
          onYes={() => act(() => leftovers.cleanAll())}
          onNo={() => {
            all.current!.focus();
            ask(false);
          }}
        />
      )}
    </>
  );
}

/** JupyterLab shows one dialog at a time: this one asks within. */
function Question(props: {
  text: string;
  format: Format;
  onYes: () => void;
  onNo: () => void;
}): JSX.Element {
  const { text, format, onYes, onNo } = props;
  const { trans } = format;
  const no = React.useRef<HTMLButtonElement>(null);
  const id = React.useId();
  React.useLayoutEffect(() => no.current!.focus(), []);
  return (
    <div
      className="jp-TransfersLeftovers-question"
      role="group"
      aria-labelledby={id}
    >
      <p id={id}>{text}</p>
      <button
        ref={no}
        type="button"
        className="jp-mod-styled"
        aria-describedby={id}
        onClick={onNo}
      >
        {trans.__('Keep Them')}
      </button>
      <button
        type="button"
        className="jp-mod-styled jp-mod-warn"
        onClick={onYes}
      >
        {trans.__('Remove All')}
      </button>
    </div>
  );
}
