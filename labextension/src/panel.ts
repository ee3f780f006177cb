/**
 * The side panel "Transfers": toolbar, list, a place to drop files, and the
 * badge on its icon.
 */

import type { ITranslator } from '@jupyterlab/translation';
import { SidePanel } from '@jupyterlab/ui-components';
import type { CommandRegistry } from '@lumino/commands';
import type { Message } from '@lumino/messaging';
import { Panel } from '@lumino/widgets';
import { Format } from './format';
import { transfersIcon } from './icons';
import { PANEL_ID } from './ids';
import { TransferList } from './list';
import type { TransferModel } from './model';

/** The look of JupyterLab's file browser while files hover over it. */
const DROP_CLASS = 'jp-mod-native-drop';

const DRAG_EVENTS = ['dragenter', 'dragover', 'dragleave', 'drop'];

/** Marks the tab: a number, or a dot when something failed. */
const BADGE = 'transfers-badge';
const ALARM = 'transfers-alarm';

export class TransferPanel extends SidePanel {
  constructor(options: TransferPanel.IOptions) {
    super({ content: new Panel(), translator: options.translator });
    this._format = new Format(options.translator);
    this._model = options.model;
    this._dropHint = options.dropHint;
    this._onDrop = options.onDrop;
    this.id = PANEL_ID;
    this.addClass('jp-TransfersPanel');
    this.title.icon = transfersIcon;
    this.node.tabIndex = -1;
    this.node.setAttribute('role', 'region');
    this.node.setAttribute('aria-label', this._format.trans.__('Transfers'));
    this.content.addClass('jp-TransfersPanel-content');
    this.list = new TransferList({
      model: options.model,
      commands: options.commands,
      format: this._format
    });
    this.addWidget(this.list);
    this._model.stateChanged.connect(this._onStateChanged, this);
    this._updateTitle();
  }

  readonly list: TransferList;

  dispose(): void {
    if (this.isDisposed) {
      return;
    }
    this._model.stateChanged.disconnect(this._onStateChanged, this);
    super.dispose();
  }

  handleEvent(event: Event): void {
    const drag = event as DragEvent;
    if (!drag.dataTransfer?.types.includes('Files')) {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
    switch (event.type) {
      case 'dragenter':
      case 'dragover':
        drag.dataTransfer.dropEffect = 'copy';
        this.content.node.dataset.dropHint = this._dropHint();
        this.content.addClass(DROP_CLASS);
        break;
      case 'dragleave':
        if (!this.node.contains(drag.relatedTarget as Node | null)) {
          this.content.removeClass(DROP_CLASS);
        }
        break;
      case 'drop':
        this.content.removeClass(DROP_CLASS);
        this._onDrop(drag.dataTransfer);
        break;
    }
  }

  protected onAfterAttach(msg: Message): void {
    super.onAfterAttach(msg);
    DRAG_EVENTS.forEach(type => this.node.addEventListener(type, this));
  }

  protected onBeforeDetach(msg: Message): void {
    DRAG_EVENTS.forEach(type => this.node.removeEventListener(type, this));
    super.onBeforeDetach(msg);
  }

  protected onAfterShow(msg: Message): void {
    super.onAfterShow(msg);
    this._model.look();
  }

  protected onActivateRequest(msg: Message): void {
    this.node.focus();
  }

  private _onStateChanged(): void {
    if (this.isVisible) {
      this._model.look();
    }
    this._updateTitle();
  }

  private _updateTitle(): void {
    const { trans } = this._format;
    const { running } = this._model.summary;
    const texts = [trans.__('Transfers')];
    if (running) {
      texts.push(trans.__('%1 running', this._format.count(running)));
    }
    if (this._model.alarmed) {
      texts.push(trans.__('something failed'));
    }
    const caption = texts.join(' · ');
    const badge = running
      ? this._format.count(running)
      : this._model.alarmed
        ? '•'
        : '';
    const { dataset } = this.title;
    // Each change draws the tab bar anew.
    if (caption !== this.title.caption) {
      this.title.caption = caption;
    }
    const alarmed = String(this._model.alarmed);
    if (badge !== dataset[BADGE] || alarmed !== dataset[ALARM]) {
      this.title.dataset = {
        ...dataset,
        [BADGE]: badge,
        [ALARM]: alarmed
      };
    }
  }

  private _dropHint: () => string;
  private _format: Format;
  private _model: TransferModel;
  private _onDrop: (data: DataTransfer) => void;
}

export namespace TransferPanel {
  export interface IOptions {
    readonly model: TransferModel;
    readonly commands: CommandRegistry;
    readonly translator: ITranslator;
    /** What a drop would do now. */
    readonly dropHint: () => string;
    /** Files were dropped; read `data` before returning. */
    readonly onDrop: (data: DataTransfer) => void;
  }
}
