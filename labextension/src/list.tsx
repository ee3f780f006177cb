/**
 * The list of transfers: sections, rows, and moving among them by keyboard.
 *
 * One row at a time is reachable by Tab; the arrow keys, Home and End move
 * from row to row across sections. What Enter, Space and Delete do to a row is
 * said by shortcuts in the settings.
 */

import { VDomRenderer } from '@jupyterlab/ui-components';
import type { CommandRegistry } from '@lumino/commands';
import * as React from 'react';
import { Empty } from './empty';
import type { Format } from './format';
import { sameDay } from './format';
import type { TransferModel } from './model';
import { Overview } from './overview';
import { PAGE, TransferSection } from './section';
import type { ITransfer } from './transfer';

const ROW_SELECTOR = '.jp-TransfersRow';

export class TransferList extends VDomRenderer<TransferModel> {
  constructor(options: TransferList.IOptions) {
    super(options.model);
    this._commands = options.commands;
    this._format = options.format;
    this.addClass('jp-TransfersList');
  }

  protected render(): JSX.Element {
    const { model, _format: format } = this;
    const transfers = model!.transfers;
    if (!transfers.length && !model!.problem) {
      return <Empty format={format} commands={this._commands} />;
    }
    const stop = this._tabStop(transfers);
    const focused = this._rows().findIndex(row =>
      row.contains(document.activeElement)
    );
    return (
      <>
        <Overview model={model!} format={format} />
        <div
          className="jp-TransfersList-sections"
          onKeyDown={this._onKeyDown}
          onFocus={this._onFocus}
        >
          {this._sections().map(([id, title, rows]) => (
            <TransferSection
              key={id}
              id={id}
              title={title}
              transfers={rows}
              format={format}
              currentKey={stop}
              folded={this._folded.has(id)}
              onFold={() => this._fold(id)}
              limit={this._limits.get(id) ?? PAGE}
              onMore={() => this._showMore(id)}
              run={this._run}
            />
          ))}
          <AfterCommit run={() => this._restoreFocus(focused)} />
        </div>
      </>
    );
  }

  private _sections(): [string, string, readonly ITransfer[]][] {
    const { trans } = this._format;
    const model = this.model!;
    const now = Date.now();
    const finished = model.section('finished');
    const today = finished.filter(t => sameDay(t.finished ?? now, now));
    const earlier = finished.filter(t => !sameDay(t.finished ?? now, now));
    return [
      ['running', trans.__('Running'), model.section('running')],
      ['waiting', trans.__('Waiting'), model.section('waiting')],
      ['asking', trans.__('Needs you'), model.section('asking')],
      ['today', trans.__('Finished today'), today],
      ['earlier', trans.__('Finished earlier'), earlier]
    ];
  }

  /** Tab stops at the current row, or at the first when it is gone. */
  private _tabStop(transfers: readonly ITransfer[]): string | null {
    const { currentKey } = this.model!;
    const known = transfers.some(t => t.key === currentKey);
    return known ? currentKey : (transfers[0]?.key ?? null);
  }

  private _fold(id: string): void {
    if (!this._folded.delete(id)) {
      this._folded.add(id);
    }
    this.update();
  }

  private _showMore(id: string): void {
    this._limits.set(id, (this._limits.get(id) ?? PAGE) + PAGE);
    this.update();
  }

  private _rows(): HTMLElement[] {
    return Array.from(this.node.querySelectorAll<HTMLElement>(ROW_SELECTOR));
  }

  /**
   * A row that moves to another section is drawn anew, and one that is removed
   * is gone: the focus goes with the one, and to the neighbour of the other.
   *
   * @param index - Where the row with the focus stood; -1 if none had it.
   */
  private _restoreFocus(index: number): void {
    const rows = this._rows();
    if (index < 0 || document.activeElement !== document.body || !rows.length) {
      return;
    }
    const key = this.model!.currentKey;
    const same = rows.find(row => row.dataset.transferKey === key);
    (same ?? rows[Math.min(index, rows.length - 1)]).focus();
  }

  private _run = (command: string, key: string): void => {
    void this._commands.execute(command, { key });
  };

  private _onFocus = (event: React.FocusEvent): void => {
    const row = (event.target as HTMLElement).closest<HTMLElement>(
      ROW_SELECTOR
    );
    const key = row?.dataset.transferKey ?? null;
    if (key && key !== this.model!.currentKey) {
      this.model!.currentKey = key;
      this.update();
    }
  };

  private _onKeyDown = (event: React.KeyboardEvent): void => {
    const target = event.target as HTMLElement;
    if (!target.matches(ROW_SELECTOR)) {
      return;
    }
    const rows = this._rows();
    const here = rows.indexOf(target);
    const next = {
      ArrowDown: here + 1,
      ArrowUp: here - 1,
      Home: 0,
      End: rows.length - 1
    }[event.key];
    if (next === undefined) {
      return;
    }
    event.preventDefault();
    rows[Math.min(Math.max(next, 0), rows.length - 1)].focus();
  };

  private _commands: CommandRegistry;
  private _folded = new Set<string>();
  private _format: Format;
  private _limits = new Map<string, number>();
}

/** Calls `run` when the page shows what was drawn, before anybody can act on it. */
function AfterCommit(props: { run: () => void }): null {
  React.useLayoutEffect(props.run);
  return null;
}

export namespace TransferList {
  export interface IOptions {
    readonly model: TransferModel;
    readonly commands: CommandRegistry;
    readonly format: Format;
  }
}
