/**
 * A dialog around a list, in which keys act on what has the focus.
 */

import { Dialog } from '@jupyterlab/apputils';

/** The keys that a dialog keeps, wherever the focus is. */
const DIALOG_KEYS = ['Escape', 'Tab'];

export class ListDialog<T> extends Dialog<T> {
  /**
   * A dialog takes keys before their target does: Enter would not press the
   * buttons of the list, and on the list it would close all.
   */
  handleEvent(event: Event): void {
    const { key } = event as KeyboardEvent;
    const isInside = (event.target as Element).closest?.('.jp-Dialog-body');
    if (event.type !== 'keydown' || !isInside || DIALOG_KEYS.includes(key)) {
      super.handleEvent(event);
    }
  }
}
