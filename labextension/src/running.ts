/**
 * Transfers among the running things: the section of JupyterLab's Running
 * sidebar and of Notebook's Running page.
 */

import type { IRunningSessions } from '@jupyterlab/running';
import { closeIcon } from '@jupyterlab/ui-components';
import type { CommandRegistry } from '@lumino/commands';
import { Signal } from '@lumino/signaling';
import type { Format } from './format';
import { fetchIcon, transfersIcon } from './icons';
import { CommandIDs } from './ids';
import type { TransferModel } from './model';
import { report } from './commands';
import type { ITransfer } from './transfer';
import { isOver } from './transfer';
import { destinationText, progressText, stateText } from './words';

export function runningManager(
  model: TransferModel,
  commands: CommandRegistry,
  format: Format,
  open: () => void
): IRunningSessions.IManager {
  const { trans } = format;
  const live = () => model.transfers.filter(t => !isOver(t));
  const changed = new Signal<TransferModel, void>(model);
  model.stateChanged.connect(() => changed.emit());
  return {
    name: trans.__('Transfers'),
    supportsMultipleViews: false,
    running: () => live().map(t => item(t, commands, format, open)),
    refreshRunning: () => void model.refresh(),
    runningChanged: changed,
    shutdownAll: () => {
      Promise.all(live().map(t => model.cancel(t.key))).catch(reason =>
        report(reason, format)
      );
    },
    shutdownLabel: trans.__('Cancel'),
    shutdownAllLabel: trans.__('Cancel All'),
    shutdownAllConfirmationText: trans.__(
      'Are you sure you want to cancel all transfers? What has arrived stays.'
    ),
    shutdownItemIcon: closeIcon
  };
}

function item(
  transfer: ITransfer,
  commands: CommandRegistry,
  format: Format,
  open: () => void
): IRunningSessions.IRunningItem {
  return {
    context: transfer.key,
    icon: () => (transfer.kind === 'fetch' ? fetchIcon : transfersIcon),
    label: () => transfer.name,
    labelTitle: () =>
      [transfer.name, destinationText(transfer, format)].join(' · '),
    detail: () =>
      [stateText(transfer, format), progressText(transfer, format)]
        .filter(Boolean)
        .join(' · '),
    open,
    shutdown: () =>
      void commands.execute(CommandIDs.cancel, { key: transfer.key })
  };
}
