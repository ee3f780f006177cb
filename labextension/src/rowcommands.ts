/**
 * What can be done to one transfer. Without an argument they act on the row
 * that has the focus, so that shortcuts and the context menu need none.
 */

import { Clipboard, InputDialog, showErrorMessage } from '@jupyterlab/apputils';
import type { LabIcon } from '@jupyterlab/ui-components';
import {
  closeIcon,
  copyIcon,
  folderIcon,
  listIcon,
  refreshIcon,
  runIcon
} from '@jupyterlab/ui-components';
import type { ICommandContext } from './commands';
import { report } from './commands';
import { TransferError } from './api';
import { askCredentials } from './credentials';
import { downloadText } from './downloads';
import { errorDetails } from './errors';
import type { IFilesOptions } from './filesdialog';
import { reviewPlan, showFiles } from './filesdialog';
import { pauseIcon } from './icons';
import { CommandIDs } from './ids';
import { jobId } from './model';
import type { OptionValue } from './job';
import { isAddress } from './names';
import { planOf } from './planwords';
import { signInFor } from './signin';
import { askSignIn } from './signinview';
import type { ITransfer } from './transfer';
import { isOver } from './transfer';

interface IRowCommand {
  readonly label: string;
  readonly icon?: LabIcon;
  /** Whether it makes sense for this row. */
  readonly applies: (transfer: ITransfer) => boolean;
  readonly act: (transfer: ITransfer) => void | Promise<unknown>;
}

export function addRowCommands(context: ICommandContext): void {
  addStateCommands(context);
  addResultCommands(context);
}

function adder(
  context: ICommandContext
): (id: string, command: IRowCommand) => void {
  const { commands, format, model } = context;
  const find = (key: unknown): ITransfer | undefined =>
    model.get(typeof key === 'string' ? key : (model.currentKey ?? ''));
  const applies = (key: unknown, command: IRowCommand): boolean => {
    const transfer = find(key);
    return transfer !== undefined && command.applies(transfer);
  };
  return (id, command) => {
    commands.addCommand(id, {
      label: command.label,
      icon: command.icon,
      describedBy: {
        args: {
          type: 'object',
          properties: {
            key: {
              type: 'string',
              description: format.trans.__(
                'The transfer; the one with the focus if not given'
              )
            }
          }
        }
      },
      isEnabled: args => applies(args.key, command),
      isVisible: args => applies(args.key, command),
      execute: async args => {
        const transfer = find(args.key);
        try {
          if (transfer && command.applies(transfer)) {
            await command.act(transfer);
          }
        } catch (reason) {
          report(reason, format);
        }
      }
    });
  };
}

function addStateCommands(context: ICommandContext): void {
  const { intake, model } = context;
  const { trans } = context.format;
  const add = adder(context);

  add(CommandIDs.pause, {
    label: trans.__('Pause'),
    icon: pauseIcon,
    applies: t => t.can.pause,
    act: t => model.pause(t.key)
  });
  add(CommandIDs.resume, {
    label: trans.__('Resume'),
    icon: runIcon,
    applies: t => t.can.resume,
    act: t => model.resume(t.key)
  });
  add(CommandIDs.togglePause, {
    label: trans.__('Pause or Resume'),
    applies: t => t.can.pause || t.can.resume,
    act: t => (t.can.resume ? model.resume(t.key) : model.pause(t.key))
  });
  add(CommandIDs.retry, {
    label: trans.__('Try Again'),
    icon: refreshIcon,
    applies: t => t.can.retry,
    act: t => {
      const leftover = model.leftover(t.key);
      return leftover ? intake.goOn(leftover) : model.retry(t.key);
    }
  });
  add(CommandIDs.review, {
    label: trans.__('Review…'),
    applies: t => t.can.review,
    act: async t => {
      const plan = planOf(t.error);
      const verdict = plan && (await reviewPlan(filesOf(t, context), plan));
      if (verdict === 'approve') {
        await model.approve(t.key);
      } else if (verdict === 'cancel') {
        await model.cancel(t.key);
      }
    }
  });
  add(CommandIDs.approve, {
    label: trans.__('Approve'),
    // What deletes or replaces is looked at before.
    applies: t => t.can.approve && !t.can.review,
    act: t => model.approve(t.key)
  });
  add(CommandIDs.authenticate, {
    label: trans.__('Enter Credentials…'),
    applies: t => t.can.authenticate,
    act: async t => {
      const secrets = await secretsFor(t, context);
      return secrets && model.authenticate(t.key, secrets);
    }
  });
  add(CommandIDs.limitSpeed, {
    label: trans.__('Limit the Speed…'),
    applies: t => t.can.tune === true,
    act: async t => {
      const { button, value } = await InputDialog.getText({
        title: trans.__('Speed limit of %1', t.name),
        label: trans.__('Bytes a second, such as 5M; no limit if empty'),
        text: t.limit
      });
      if (button.accept) {
        await model.limit(t.key, (value ?? '').trim());
      }
    }
  });
  add(CommandIDs.doFirst, {
    label: trans.__('Do It First'),
    applies: t => t.can.tune === true && t.phase === 'waiting',
    act: t => model.advance(t.key)
  });
  add(CommandIDs.cancel, {
    label: trans.__('Cancel'),
    icon: closeIcon,
    applies: t => t.can.cancel,
    act: t => model.cancel(t.key)
  });
  add(CommandIDs.remove, {
    label: trans.__('Remove from the List'),
    icon: closeIcon,
    applies: t => t.can.remove,
    act: t => model.remove(t.key)
  });
  add(CommandIDs.cancelOrRemove, {
    label: trans.__('Cancel or Remove'),
    applies: t => t.can.cancel || t.can.remove,
    act: t => (t.can.cancel ? model.cancel(t.key) : model.remove(t.key))
  });
}

/** What a transfer waits for, asked for; null when the person thought better of it. */
async function secretsFor(
  { name, source, destination, error }: ITransfer,
  { api, format }: ICommandContext
): Promise<Record<string, OptionValue> | null> {
  const backends = await api.backends();
  const place = signInFor(error);
  const backend = backends.find(each => each.name === place?.backend);
  if (!place || !backend) {
    return askCredentials({ name, source, destination, backends, format });
  }
  const { address, given, options } = place;
  const secrets = await askSignIn({ api, address, backend, given }, format);
  return (
    secrets &&
    Object.fromEntries(
      Object.entries(secrets).map(([key, value]) => [options[key], value])
    )
  );
}

function addResultCommands(context: ICommandContext): void {
  const { commands, contents, model, place } = context;
  const { trans } = context.format;
  const add = adder(context);

  add(CommandIDs.open, {
    label: trans.__('Open'),
    applies: t => t.arrived || t.can.retry || hereOf(t) !== null,
    act: async t => {
      const path = await model.locate(t.key);
      if (path === null) {
        return t.can.retry ? model.retry(t.key) : place.reveal(hereOf(t) ?? '');
      }
      const { type } = await contents.get(path, { content: false });
      return type === 'directory'
        ? place.reveal(path)
        : commands.execute('docmanager:open', { path });
    }
  });
  add(CommandIDs.reveal, {
    label: trans.__('Show in File Browser'),
    icon: folderIcon,
    applies: t => t.arrived || hereOf(t) !== null,
    act: async t => place.reveal((await model.locate(t.key)) ?? hereOf(t) ?? '')
  });
  add(CommandIDs.showFiles, {
    label: trans.__('Show Files…'),
    icon: listIcon,
    applies: t => t.kind !== 'upload' && t.kind !== 'download',
    act: t => showFiles(filesOf(t, context))
  });
  add(CommandIDs.copyPath, {
    label: trans.__('Copy Path'),
    icon: copyIcon,
    applies: t => t.arrived,
    act: async t =>
      Clipboard.copyToSystem((await model.locate(t.key)) ?? t.folder ?? '')
  });
  add(CommandIDs.copySource, {
    label: trans.__('Copy Source'),
    icon: copyIcon,
    applies: t => t.source !== '' && t.kind !== 'download',
    act: t => Clipboard.copyToSystem(t.source)
  });
  add(CommandIDs.exportDataCube, {
    label: trans.__('Export as DataCube YAML'),
    applies: t => SERVICES.has(t.kind),
    act: t => exportDataCube(jobId(t.key), context)
  });
  add(CommandIDs.copyError, {
    label: trans.__('Copy Error Details'),
    icon: copyIcon,
    applies: t => t.error !== null && (isOver(t) || t.phase !== 'copying'),
    act: t => {
      if (t.error) {
        Clipboard.copyToSystem(errorDetails(t.error));
      }
    }
  });
}

/** Kinds of transfers with a service at one end. */
const SERVICES: ReadonlySet<string> = new Set([
  'fetch',
  'send',
  'sync',
  'copy'
]);

/** Save a job as a DataCube, or say why it cannot be one. */
async function exportDataCube(
  id: string,
  { api, format }: ICommandContext
): Promise<void> {
  const { trans } = format;
  const save = (text: string) =>
    downloadText(text, `transfer-${id.slice(0, 8)}.yaml`);
  const refuse = ({ message, remedy }: TransferError) =>
    showErrorMessage(
      trans.__('This transfer cannot be a DataCube'),
      format.sentences(message, remedy)
    );
  try {
    save(await api.dataCube(id));
  } catch (reason) {
    const error = TransferError.from(reason);
    if (typeof error.detail['claim'] !== 'string') {
      await refuse(error);
      return;
    }
    const { button, value } = await InputDialog.getText({
      title: trans.__('Export as DataCube YAML'),
      label: trans.__('Name of the claim (PVC) that the root folder is')
    });
    const claim = button.accept && value?.trim();
    if (claim) {
      await api
        .dataCube(id, claim)
        .then(save, (again: unknown) => refuse(TransferError.from(again)));
    }
  }
}

function filesOf(transfer: ITransfer, context: ICommandContext): IFilesOptions {
  const { api, commands, format, model } = context;
  const id = jobId(transfer.key);
  return {
    ...{ transfer, model, format },
    ask: query => api.jobFiles(id, query),
    reportUrl: api.reportUrl(id),
    open: ({ path }) => commands.execute('docmanager:open', { path })
  };
}

/** What of a transfer lies on this server; null if both ends are elsewhere. */
function hereOf({ kind, folder, source }: ITransfer): string | null {
  if (folder !== null && !isAddress(folder)) {
    return folder;
  }
  const sent = kind !== 'download' && source !== '' && !isAddress(source);
  return sent ? source : null;
}
