/**
 * A dialog whose accept button follows its form, also when news come late.
 */

import { Dialog } from '@jupyterlab/apputils';
import type { ISignal } from '@lumino/signaling';
import type { Widget } from '@lumino/widgets';

export interface IForm<T> extends Widget, Dialog.IBodyWidget<T> {
  /** Emitted after the form was drawn anew. */
  readonly changed: ISignal<unknown, void>;

  getValue(): T;

  /**
   * Do what was filled in; the form stays, and says why, where it cannot be done.
   *
   * @returns Whether it was done.
   */
  submit(): Promise<boolean>;
}

/**
 * Show `form` until it is submitted.
 *
 * @param accept - The label of the button that submits it.
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

/** The attribute of parts of a form with the keys (`KeyboardEvent.key`) that they want. */
export const OWN_KEYS = 'data-jp-own-keys';

/** The index of the button that cancels. */
const CANCEL = 0;

class FormDialog<T> extends Dialog<T> {
  constructor(options: Partial<Dialog.IOptions<T>> & { body: IForm<T> }) {
    super(options);
    this._form = options.body;
    this.addClass('jp-TransfersFrom-dialog');
    this._form.changed.connect(() => this._checkValidation());
    void this.ready.then(() => this._checkValidation());
  }

  handleEvent(event: Event): void {
    if (event.type === 'keydown' && this._isForForm(event as KeyboardEvent)) {
      return;
    }
    super.handleEvent(event);
  }

  resolve(index?: number): void {
    if (index === CANCEL) {
      super.resolve(index);
    } else if (!this._busy) {
      this._busy = true;
      void this._form.submit().then(done => {
        this._busy = false;
        if (done) {
          super.resolve(index);
        }
      });
    }
  }

  /**
   * Whether a key is for what has the focus in the form. The dialog takes keys
   * before their target does: it would start the job by Enter on any button.
   */
  private _isForForm({ key, target }: KeyboardEvent): boolean {
    const element = target as Element;
    if (!/^\w+$/.test(key) || !this._form.node.contains(element)) {
      return false;
    }
    return (
      element.closest(`[${OWN_KEYS}~='${key}']`) !== null ||
      (key === 'Enter' && element.closest('button, summary') !== null)
    );
  }

  private _busy = false;
  private _form: IForm<T>;
}
