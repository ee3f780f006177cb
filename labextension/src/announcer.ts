/**
 * Says aloud what the eye sees in the bars: a transfer began, is at 25, 50 and
 * 75 percent, is done, failed.
 *
 * Two hidden live regions stand in the page for its whole life, because a
 * screen reader only hears changes of regions that were there before.
 */

import { explain } from './errors';
import type { Format } from './format';
import type { TransferModel } from './model';
import type { ITransfer } from './transfer';
import { fractionOf, isMoving, isOver } from './transfer';
import { stateText } from './words';

/** More news at once than this are told as a number. */
const MANY = 3;

export interface INews {
  /** Said when there is a pause. */
  readonly polite: readonly string[];
  /** Said at once. */
  readonly urgent: readonly string[];
}

/** Compares each state of the list with the one before. */
export class Narrator {
  constructor(format: Format) {
    this._format = format;
  }

  /** What is worth saying about the change to `transfers`. */
  tell(transfers: readonly ITransfer[]): INews {
    const polite: string[] = [];
    const urgent: string[] = [];
    const heard = new Map<string, string>();
    for (const transfer of transfers) {
      const mark = markOf(transfer);
      const before = this._heard.get(transfer.key);
      heard.set(transfer.key, mark);
      // What was over when the page opened is no news.
      if (before === mark || (before === undefined && isOver(transfer))) {
        continue;
      }
      const text = this._text(transfer, mark);
      if (text) {
        (transfer.phase === 'failed' ? urgent : polite).push(text);
      }
    }
    this._heard = heard;
    return { polite: this._shorten(polite), urgent: this._shorten(urgent) };
  }

  private _text(transfer: ITransfer, mark: string): string {
    const { trans } = this._format;
    const { name, phase } = transfer;
    if (phase === 'failed') {
      const what = transfer.error
        ? explain(transfer.error, this._format).what
        : '';
      return trans.__('%1 failed. %2', name, what);
    }
    if (isOver(transfer) || phase === 'asking') {
      return trans.__('%1: %2', name, stateText(transfer, this._format));
    }
    if (!isMoving(transfer)) {
      return '';
    }
    return mark === 'moving:0'
      ? trans.__('%1 began.', name)
      : trans.__(
          '%1: %2',
          name,
          this._format.percent(fractionOf(transfer) ?? 0)
        );
  }

  private _shorten(texts: readonly string[]): readonly string[] {
    const { trans } = this._format;
    return texts.length > MANY
      ? [trans.__('%1 transfers changed.', this._format.count(texts.length))]
      : texts;
  }

  private _format: Format;
  private _heard = new Map<string, string>();
}

/** The state as far as it is told: a quarter reached counts as a state. */
function markOf(transfer: ITransfer): string {
  if (!isMoving(transfer)) {
    return transfer.phase;
  }
  const quarters = Math.floor((fractionOf(transfer) ?? 0) * 4);
  return `moving:${Math.min(3, quarters)}`;
}

/** Put the live regions into the page and keep telling. */
export function announce(model: TransferModel, format: Format): void {
  const narrator = new Narrator(format);
  const polite = region('status');
  const urgent = region('alert');
  const tell = () => {
    const news = narrator.tell(model.transfers);
    if (news.polite.length) {
      polite.textContent = news.polite.join(' ');
    }
    if (news.urgent.length) {
      urgent.textContent = news.urgent.join(' ');
    }
  };
  tell();
  model.stateChanged.connect(tell);
}

function region(role: 'status' | 'alert'): HTMLElement {
  const node = document.createElement('div');
  node.className = 'jp-TransfersAnnouncer jp-sr-only';
  node.setAttribute('role', role);
  node.setAttribute('aria-live', role === 'alert' ? 'assertive' : 'polite');
  document.body.appendChild(node);
  return node;
}
