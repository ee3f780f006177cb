/**
 * The status bar item: one bar and the rate, while something moves.
 */

import { GroupItem, ProgressBar, TextItem } from '@jupyterlab/statusbar';
import { VDomRenderer } from '@jupyterlab/ui-components';
import * as React from 'react';
import type { Format } from './format';
import type { TransferModel } from './model';
import { summaryTexts } from './overview';

/** Half the space between items, as in JupyterLab's own. */
const HALF_SPACING = 4;

export class TransferStatus extends VDomRenderer<TransferModel> {
  /**
   * @param onClick - Bring the panel to the front.
   */
  constructor(model: TransferModel, format: Format, onClick: () => void) {
    super(model);
    this._format = format;
    this._onClick = onClick;
    this.addClass('jp-TransfersStatus');
    this.addClass('jp-mod-highlighted');
  }

  /** Whether there is anything to show. */
  get isActive(): boolean {
    return (this.model?.summary.running ?? 0) > 0;
  }

  protected render(): JSX.Element | null {
    if (!this.isActive) {
      return null;
    }
    const { _format: format } = this;
    const { summary } = this.model!;
    const texts = summaryTexts(summary, format);
    this.node.title = texts.join(' · ');
    const rate = summary.rate === null ? texts[0] : format.rate(summary.rate);
    return (
      <button className="jp-TransfersStatus-button" onClick={this._onClick}>
        <span className="jp-sr-only">{format.trans.__('Transfers')}</span>
        <GroupItem spacing={HALF_SPACING}>
          {summary.fraction !== null && (
            <ProgressBar percentage={Math.floor(summary.fraction * 100)} />
          )}
          <TextItem source={rate} />
        </GroupItem>
      </button>
    );
  }

  private _format: Format;
  private _onClick: () => void;
}
