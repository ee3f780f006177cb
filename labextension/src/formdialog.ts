/**
 * A dialog whose accept button follows its form, also when news come late.
 */

import { Dialog } from '@jupyterlab/apputils';
import type { ISignal } from '@lumino/signaling';
import type { Widget } from '@lumino/widgets';

export interface IForm<T> extends Widget, Dialog.IBodyWidget<T> {
  /** Emitted after the form was drawn anew. */
  readonly changed: ISignal<unknown, void>;
}

/**
 * Show `form`.
 *
 * @param accept - The label of the button that accepts it.
 * @returns What was filled in; null when the person thought better of it.
 */
export async function showForm<T>(
  form: IForm<T>,
  title: string,
  accept: string
): Promise<T | null> {
  const dialog = new FormDialog<T>({
    title,
    body: form,
    buttons: [Dialog.cancelButton(), Dialog.okButton({ label: accept })],
    focusNodeSelector: 'input',
    hasClose: true
  });
  const { button, value } = await dialog.launch();
  return button.accept ? value : null;
}

class FormDialog<T> extends Dialog<T> {
  constructor(options: Partial<Dialog.IOptions<T>> & { body: IForm<T> }) {
    super(options);
    this.addClass('jp-TransfersFrom-dialog');
    options.body.changed.connect(() => this._checkValidation());
    void this.ready.then(() => this._checkValidation());
  }
}
