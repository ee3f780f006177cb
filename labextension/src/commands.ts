/**
 * What can be done as a whole: start transfers, pause and resume all, tidy up.
 * Palette, menus, toolbar and shortcuts all come here.
 */

import { Notification, showErrorMessage } from '@jupyterlab/apputils';
import {
  clearIcon,
  deleteIcon,
  downloadIcon,
  fileIcon,
  fileUploadIcon,
  linkIcon,
  runIcon,
  settingsIcon
} from '@jupyterlab/ui-components';
import type { Contents } from '@jupyterlab/services';
import type { CommandRegistry } from '@lumino/commands';
import type { TransferApi } from './api';
import { TransferError } from './api';
import type { ConflictDefault } from './conflict';
import { policyOf } from './conflict';
import { download } from './downloads';
import { explain } from './errors';
import type { Format } from './format';
import { askAddress } from './from';
import { askFile, IS_YAML } from './fromfile';
import { folderUploadIcon, pauseIcon, sendIcon, transfersIcon } from './icons';
import { CommandIDs } from './ids';
import type { Intake } from './intake';
import { chooseFiles } from './intake';
import type { IJobRequest } from './job';
import { showLeftovers } from './leftoversdialog';
import type { TransferModel } from './model';
import type { Place } from './place';
import { Refusal } from './room';
import { askDestination, folderOfSend } from './sendto';
import type { IFormOptions } from './transferform';

export interface ICommandContext {
  readonly commands: CommandRegistry;
  readonly api: TransferApi;
  readonly model: TransferModel;
  readonly intake: Intake;
  readonly place: Place;
  readonly format: Format;
  readonly contents: Pick<Contents.IManager, 'get'>;
  readonly conflict: () => ConflictDefault;
  /** Bring the panel to the front. */
  readonly showPanel: () => void;
}

/** Show a failure of an act; rows show the failures of transfers themselves. */
export function report(reason: unknown, format: Format): void {
  if (reason instanceof Refusal) {
    // An answer to what the person just did: not to be missed.
    void showErrorMessage(reason.title, reason.message);
    return;
  }
  const { what, remedy } = explain(TransferError.from(reason), format);
  Notification.error(format.sentences(what, remedy));
}

const NO_ARGS = { type: 'object', properties: {} } as const;

export function addCommands(context: ICommandContext): void {
  addStartCommands(context);
  addQueueCommands(context);
}

function addStartCommands(context: ICommandContext): void {
  const { commands, format, intake, place } = context;
  const { trans } = format;

  const uploadArgs = {
    type: 'object',
    properties: {
      path: {
        type: 'string',
        description: trans.__(
          'The folder to upload into; the folder shown in the file browser if not given'
        )
      }
    }
  } as const;
  const upload = async (folder: boolean, path: unknown) => {
    // The place now, not where the person is after choosing.
    const destination = typeof path === 'string' ? path : place.folder;
    try {
      await intake.upload(await chooseFiles(folder), destination);
    } catch (reason) {
      report(reason, format);
    }
  };

  commands.addCommand(CommandIDs.uploadFiles, {
    label: trans.__('Upload Files…'),
    caption: trans.__('Upload files to the folder shown in the file browser'),
    icon: fileUploadIcon,
    describedBy: { args: uploadArgs },
    isEnabled: () => place.uploadsAllowed,
    execute: args => upload(false, args.path)
  });

  commands.addCommand(CommandIDs.uploadFolder, {
    label: trans.__('Upload Folder…'),
    caption: trans.__('Upload a folder with all that is in it'),
    icon: folderUploadIcon,
    describedBy: { args: uploadArgs },
    isEnabled: () => place.uploadsAllowed,
    execute: args => upload(true, args.path)
  });

  commands.addCommand(CommandIDs.fromAddress, {
    label: trans.__('Transfer from Address…'),
    caption: trans.__('Fetch what stands at an address to the server'),
    icon: linkIcon,
    describedBy: {
      args: {
        type: 'object',
        properties: {
          address: {
            type: 'string',
            description: trans.__('The address to begin with')
          },
          path: {
            type: 'string',
            description: trans.__('The folder to save in')
          }
        }
      }
    },
    execute: args => startFromAddress(context, args.address, args.path)
  });

  commands.addCommand(CommandIDs.fromFile, {
    label: trans.__('Transfers from File…'),
    caption: trans.__(
      'Start the transfers that a YAML file describes, such as a DataCube'
    ),
    icon: fileIcon,
    describedBy: {
      args: {
        type: 'object',
        properties: {
          path: {
            type: 'string',
            description: trans.__(
              'The file of the server; the selected YAML file if not given'
            )
          }
        }
      }
    },
    execute: args => startFromFile(context, args.path)
  });

  commands.addCommand(CommandIDs.sendTo, {
    label: trans.__('Send to Address…'),
    caption: trans.__(
      'Send the selected files and folders of the server to an address'
    ),
    icon: sendIcon,
    describedBy: {
      args: {
        type: 'object',
        properties: {
          paths: {
            type: 'array',
            items: { type: 'string' },
            description: trans.__(
              'What to send, folders with a / at the end; the selection of the file browser if not given'
            )
          }
        }
      }
    },
    execute: args => sendTo(context, args.paths)
  });

  commands.addCommand(CommandIDs.download, {
    label: trans.__('Download as Archive (zip)'),
    caption: trans.__('Download the selected files and folders as one zip'),
    icon: downloadIcon,
    describedBy: {
      args: {
        type: 'object',
        properties: {
          paths: {
            type: 'array',
            items: { type: 'string' },
            description: trans.__(
              'What to download; the selection of the file browser if not given'
            )
          }
        }
      }
    },
    isVisible: args => Array.isArray(args.paths) || isBundle(place),
    execute: async args => {
      const items = Array.isArray(args.paths)
        ? args.paths.map(path => ({ path: String(path), type: 'directory' }))
        : place.selection;
      try {
        if (items.length) {
          await download(items, context.api);
          await context.model.refresh();
        }
      } catch (reason) {
        report(reason, format);
      }
    }
  });
}

/** One plain file has JupyterLab's own entry "Download". */
function isBundle(place: Place): boolean {
  const { selection } = place;
  return selection.length > 1 || selection[0]?.type === 'directory';
}

async function startFromAddress(
  context: ICommandContext,
  address: unknown,
  path: unknown
): Promise<void> {
  const started = await askAddress({
    ...formOptions(context),
    address: typeof address === 'string' ? address : '',
    folder: typeof path === 'string' ? path : context.place.folder
  });
  await showStarted(context, started);
}

async function startFromFile(
  context: ICommandContext,
  path: unknown
): Promise<void> {
  const { api, contents, format, place } = context;
  const selected = place.selection
    .map(item => item.path)
    .filter(each => IS_YAML.test(each));
  const shown = await contents
    .get(place.folder, { content: true, type: 'directory' })
    .then(({ content }) => (content ?? []) as Contents.IModel[])
    .catch(() => []);
  const started = await askFile({
    ...{ api, contents, format },
    path: typeof path === 'string' ? path : (selected[0] ?? ''),
    suggestions: shown
      .filter(({ name }) => IS_YAML.test(name))
      .map(each => place.served(each.path) ?? each.path)
  });
  if (started) {
    context.showPanel();
  }
  await context.model.refresh();
}

async function sendTo(context: ICommandContext, paths: unknown): Promise<void> {
  const { format, model, place } = context;
  const items = Array.isArray(paths)
    ? paths.map(String).map(path => ({
        path: path.replace(/\/+$/, ''),
        isFolder: path.endsWith('/')
      }))
    : place.selection.map(({ path, type }) => ({
        path,
        isFolder: type === 'directory'
      }));
  if (items.length === 0) {
    void showErrorMessage(
      format.trans.__('Nothing is selected'),
      format.trans.__(
        'Select the files and folders to send in the file browser first.'
      )
    );
    return;
  }
  const last = model.lastSend;
  const started = await askDestination({
    ...formOptions(context),
    items,
    folder: last ? folderOfSend(last.source, last.destination) : ''
  });
  await showStarted(context, started);
}

function formOptions(context: ICommandContext): IFormOptions {
  const { api, format, model, conflict } = context;
  return {
    api,
    format,
    conflict: policyOf(conflict()),
    recent: model.recentAddresses,
    start: request => api.startJob(request)
  };
}

/** Bring the panel to the front if anything was started. */
export async function showStarted(
  context: ICommandContext,
  started: readonly IJobRequest[] | null
): Promise<void> {
  if (started) {
    context.showPanel();
  }
  await context.model.refresh();
}

function addQueueCommands(context: ICommandContext): void {
  const { commands, format, model } = context;
  const { trans } = format;
  const attempt = async (act: () => Promise<void>) => {
    try {
      await act();
    } catch (reason) {
      report(reason, format);
    }
  };
  const canPause = () => model.summary.running > 0 || model.summary.waiting > 0;
  const canResume = () => model.summary.paused > 0;

  commands.addCommand(CommandIDs.showPanel, {
    label: trans.__('Transfers'),
    icon: transfersIcon,
    describedBy: { args: NO_ARGS },
    execute: () => context.showPanel()
  });

  commands.addCommand(CommandIDs.pauseAll, {
    label: trans.__('Pause All Transfers'),
    icon: pauseIcon,
    describedBy: { args: NO_ARGS },
    isEnabled: canPause,
    execute: () => attempt(() => model.pauseAll())
  });

  commands.addCommand(CommandIDs.resumeAll, {
    label: trans.__('Resume All Transfers'),
    icon: runIcon,
    describedBy: { args: NO_ARGS },
    isEnabled: canResume,
    execute: () => attempt(() => model.resumeAll())
  });

  // One button of the toolbar: what it does follows what goes on.
  const resumes = () => !canPause() && canResume();
  commands.addCommand(CommandIDs.togglePauseAll, {
    label: () =>
      resumes()
        ? trans.__('Resume All Transfers')
        : trans.__('Pause All Transfers'),
    icon: () => (resumes() ? runIcon : pauseIcon),
    describedBy: { args: NO_ARGS },
    isEnabled: () => canPause() || canResume(),
    execute: () =>
      attempt(() => (resumes() ? model.resumeAll() : model.pauseAll()))
  });

  commands.addCommand(CommandIDs.clearFinished, {
    label: trans.__('Clear Finished Transfers'),
    caption: trans.__('Remove finished transfers from the list'),
    icon: clearIcon,
    describedBy: { args: NO_ARGS },
    isEnabled: () => model.section('finished').length > 0,
    execute: () => attempt(() => model.clearFinished())
  });

  commands.addCommand(CommandIDs.showLeftovers, {
    label: trans.__('Leftovers…'),
    caption: trans.__('See and remove what interrupted transfers have left'),
    icon: deleteIcon,
    describedBy: { args: NO_ARGS },
    execute: () => showLeftovers(context.api, format)
  });

  commands.addCommand(CommandIDs.openSettings, {
    label: trans.__('Transfer Settings'),
    icon: settingsIcon,
    describedBy: { args: NO_ARGS },
    isVisible: () => commands.hasCommand('settingeditor:open'),
    execute: () =>
      commands.execute('settingeditor:open', {
        query: trans._p('schema', 'Transfers')
      })
  });

  let state = '';
  model.stateChanged.connect(() => {
    const next = [canPause(), canResume(), model.section('finished').length > 0]
      .map(Number)
      .join('');
    if (next !== state) {
      state = next;
      [
        CommandIDs.pauseAll,
        CommandIDs.resumeAll,
        CommandIDs.togglePauseAll,
        CommandIDs.clearFinished
      ].forEach(id => commands.notifyCommandChanged(id));
    }
  });
}
