/**
 * The plugins: what goes where in JupyterLab and Notebook 7.
 */

import type {
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ILayoutRestorer } from '@jupyterlab/application';
import {
  createToolbarFactory,
  ICommandPalette,
  IToolbarWidgetRegistry,
  setToolbar
} from '@jupyterlab/apputils';
import {
  IDefaultFileBrowser,
  IFileBrowserFactory
} from '@jupyterlab/filebrowser';
import { IRunningSessionManagers } from '@jupyterlab/running';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { IStatusBar } from '@jupyterlab/statusbar';
import { ITranslator } from '@jupyterlab/translation';
import { announce } from './announcer';
import { TransferApi } from './api';
import { cells } from './cells';
import { addCommands, report } from './commands';
import { addExtractCommands } from './extract';
import { JobFeed } from './feed';
import { attachFileBrowser } from './filebrowser';
import { Format } from './format';
import { CommandIDs, PANEL_ID, PANEL_PLUGIN_ID, PLUGIN_ID } from './ids';
import { TOOLBAR_FACTORY } from './ids';
import { Intake } from './intake';
import { TransferModel } from './model';
import { moreButton } from './more';
import { TransferPanel } from './panel';
import { Place } from './place';
import { refreshWhenDone } from './refresh';
import { addRowCommands } from './rowcommands';
import { runningManager } from './running';
import { loadSettings, translateSettings } from './settings';
import { TransferStatus } from './status';
import { ITransfers } from './tokens';
import { Uploader } from './uploads';
import { spawnWorker } from './uploads/spawnworker';
import { folderName } from './names';

/** Below the file browser and the running sessions. */
const PANEL_RANK = 250;

/** The transfers themselves, and the commands on them. */
const plugin: JupyterFrontEndPlugin<ITransfers> = {
  id: PLUGIN_ID,
  description: 'Uploads, downloads and remote transfers, and their commands.',
  autoStart: true,
  requires: [ITranslator],
  optional: [
    ISettingRegistry,
    IFileBrowserFactory,
    IDefaultFileBrowser,
    ICommandPalette
  ],
  provides: ITransfers,
  activate: async (
    app: JupyterFrontEnd,
    translator: ITranslator,
    registry: ISettingRegistry | null,
    factory: IFileBrowserFactory | null,
    defaultBrowser: IDefaultFileBrowser | null,
    palette: ICommandPalette | null
  ): Promise<ITransfers> => {
    const { commands, serviceManager, shell } = app;
    const { contents, serverSettings } = serviceManager;
    const format = new Format(translator);
    const settings = await loadSettings(registry);
    const api = new TransferApi(serverSettings);
    const uploader = new Uploader({
      serverSettings,
      maxConnections: settings.maxConnections,
      checksums: () => settings.checksums,
      spawnWorker
    });
    const feed = new JobFeed({
      fetch: since => api.jobs(since),
      stream: serviceManager.events.stream
    });
    const model = new TransferModel({ api, feed, uploader });
    const conflict = () => settings.conflict;
    const room = (folder: string) => api.room(folder);
    const digestOf = (path: string) => api.digestOf(path);
    const intake = new Intake({
      ...{ uploader, contents, conflict, room, digestOf, format }
    });
    const place = new Place({
      factory,
      defaultBrowser,
      contents,
      activate: browser => shell.activateById(browser.id)
    });
    const showPanel = () => shell.activateById(PANEL_ID);
    const context = {
      ...{ commands, api, model, intake, place, format, conflict },
      ...{ contents, showPanel }
    };
    addCommands(context);
    addExtractCommands(context);
    addRowCommands(context);

    window.addEventListener('beforeunload', event => {
      if (uploader.holdsBytes) {
        event.preventDefault();
      }
    });

    const category = format.trans.__('Transfers');
    [
      CommandIDs.showPanel,
      CommandIDs.uploadFiles,
      CommandIDs.uploadFolder,
      CommandIDs.fromAddress,
      CommandIDs.fromFile,
      CommandIDs.sendTo,
      CommandIDs.download,
      CommandIDs.extractHere,
      CommandIDs.extractTo,
      CommandIDs.pauseAll,
      CommandIDs.resumeAll,
      CommandIDs.clearFinished,
      CommandIDs.showLeftovers,
      CommandIDs.openSettings
    ].forEach(command => palette?.addItem({ command, category }));

    if (registry) {
      void app.restored.then(() => translateSettings(registry, format.trans));
    }
    void feed.refresh();
    void uploader.lookBack();
    return { api, model, uploader, intake, place, settings };
  }
};

/** The side panel. */
const panel: JupyterFrontEndPlugin<void> = {
  id: PANEL_PLUGIN_ID,
  description: 'The side panel that shows all transfers.',
  autoStart: true,
  requires: [ITransfers, ITranslator],
  optional: [ILayoutRestorer, ISettingRegistry, IToolbarWidgetRegistry],
  activate: (
    app: JupyterFrontEnd,
    transfers: ITransfers,
    translator: ITranslator,
    restorer: ILayoutRestorer | null,
    settings: ISettingRegistry | null,
    toolbars: IToolbarWidgetRegistry | null
  ): void => {
    const { commands } = app;
    const format = new Format(translator);
    const { intake, model, place } = transfers;
    const onDrop = (data: DataTransfer) => {
      intake.drop(data, place.folder).catch(reason => report(reason, format));
    };
    const dropHint = () =>
      format.trans.__('Upload to %1', folderName(place.folder));
    const widget = new TransferPanel({
      ...{ model, commands, translator, onDrop, dropHint }
    });
    if (settings && toolbars) {
      toolbars.addFactory(TOOLBAR_FACTORY, 'more', () =>
        moreButton(commands, format)
      );
      setToolbar(
        widget,
        createToolbarFactory(
          toolbars,
          settings,
          TOOLBAR_FACTORY,
          PANEL_PLUGIN_ID,
          translator
        ),
        widget.toolbar
      );
    }
    restorer?.add(widget, PANEL_ID);
    app.shell.add(widget, 'left', { rank: PANEL_RANK, type: 'Transfers' });
  }
};

/** Drops on the file browser, and its Upload button. */
const fileBrowser: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-transfer:file-browser',
  description: 'Takes over the uploads of the file browser.',
  autoStart: true,
  requires: [ITransfers, ITranslator],
  optional: [IFileBrowserFactory],
  activate: (
    app: JupyterFrontEnd,
    transfers: ITransfers,
    translator: ITranslator,
    factory: IFileBrowserFactory | null
  ): void => {
    if (!factory) {
      return;
    }
    const { intake, model, settings, uploader } = transfers;
    const format = new Format(translator);
    const enabled = () => settings.takeOverUploads;
    const attach = (browser: IDefaultFileBrowser) =>
      attachFileBrowser(browser, { enabled, intake, uploader, format });
    factory.tracker.forEach(attach);
    factory.tracker.widgetAdded.connect((_, browser) => attach(browser));
    refreshWhenDone(model, transfers.place);
  }
};

/** The section of the Running sidebar. */
const running: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-transfer:running',
  description: 'Shows live transfers among the running things.',
  autoStart: true,
  requires: [ITransfers, ITranslator],
  // The pages of Notebook 7 with one document have none.
  optional: [IRunningSessionManagers],
  activate: (
    app: JupyterFrontEnd,
    transfers: ITransfers,
    translator: ITranslator,
    managers: IRunningSessionManagers | null
  ): void => {
    const { commands } = app;
    managers?.add(
      runningManager(transfers.model, commands, new Format(translator), () => {
        void commands.execute(CommandIDs.showPanel);
      })
    );
  }
};

/** The item of the status bar. */
const status: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-transfer:status',
  description: 'Shows progress and rate in the status bar.',
  autoStart: true,
  requires: [ITransfers, ITranslator],
  // Notebook 7 has none.
  optional: [IStatusBar],
  activate: (
    app: JupyterFrontEnd,
    transfers: ITransfers,
    translator: ITranslator,
    bar: IStatusBar | null
  ): void => {
    const { model } = transfers;
    const item = new TransferStatus(model, new Format(translator), () => {
      void app.commands.execute(CommandIDs.showPanel);
    });
    bar?.registerStatusItem('jupyter-transfer:status', {
      item,
      align: 'left',
      rank: 50,
      isActive: () => item.isActive,
      activeStateChanged: model.stateChanged
    });
  }
};

/** Progress for screen readers. */
const announcer: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-transfer:announcer',
  description: 'Tells screen readers how transfers get on.',
  autoStart: true,
  requires: [ITransfers, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    transfers: ITransfers,
    translator: ITranslator
  ): void => announce(transfers.model, new Format(translator))
};

export { ITransfers } from './tokens';

const plugins: JupyterFrontEndPlugin<any>[] = [
  plugin,
  panel,
  fileBrowser,
  running,
  status,
  announcer,
  cells
];
export default plugins;
