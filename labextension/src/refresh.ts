/**
 * What the server fetched appears in the file browser at once, without waiting
 * for its next look.
 */

import type { TransferModel } from './model';
import type { Place } from './place';

export function refreshWhenDone(model: TransferModel, place: Place): void {
  let live = new Set<string>();
  model.stateChanged.connect(() => {
    const done = model.transfers.filter(
      t => t.phase === 'done' && t.kind !== 'upload' && live.has(t.key)
    );
    live = new Set(
      model.transfers.filter(t => t.phase !== 'done').map(t => t.key)
    );
    const { browser, folder } = place;
    if (browser && done.some(t => t.folder === folder)) {
      void browser.model.refresh();
    }
  });
}
