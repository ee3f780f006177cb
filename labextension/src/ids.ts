/**
 * Names that other extensions, settings and shortcuts rely on.
 */

export const PLUGIN_ID = 'jupyter-transfer:plugin';

export const PANEL_PLUGIN_ID = 'jupyter-transfer:panel';

export const PANEL_ID = 'jp-transfers-panel';

/** The toolbar of the panel, as settings name it. */
export const TOOLBAR_FACTORY = 'Transfers';

export namespace CommandIDs {
  export const showPanel = 'jupyter-transfer:show-panel';

  export const uploadFiles = 'jupyter-transfer:upload-files';
  export const uploadFolder = 'jupyter-transfer:upload-folder';
  export const fromAddress = 'jupyter-transfer:from-address';
  export const fromFile = 'jupyter-transfer:from-file';
  export const sendTo = 'jupyter-transfer:send-to';
  export const extractHere = 'jupyter-transfer:extract-here';
  export const extractTo = 'jupyter-transfer:extract-to';
  export const download = 'jupyter-transfer:download-archive';

  export const pauseAll = 'jupyter-transfer:pause-all';
  export const resumeAll = 'jupyter-transfer:resume-all';
  export const togglePauseAll = 'jupyter-transfer:toggle-pause-all';
  export const clearFinished = 'jupyter-transfer:clear-finished';
  export const showLeftovers = 'jupyter-transfer:show-leftovers';
  export const openSettings = 'jupyter-transfer:open-settings';

  export const open = 'jupyter-transfer:open';
  export const pause = 'jupyter-transfer:pause';
  export const resume = 'jupyter-transfer:resume';
  export const togglePause = 'jupyter-transfer:toggle-pause';
  export const cancel = 'jupyter-transfer:cancel';
  export const cancelOrRemove = 'jupyter-transfer:cancel-or-remove';
  export const retry = 'jupyter-transfer:retry';
  export const approve = 'jupyter-transfer:approve';
  export const limitSpeed = 'jupyter-transfer:limit-speed';
  export const doFirst = 'jupyter-transfer:do-first';
  export const review = 'jupyter-transfer:review';
  export const showFiles = 'jupyter-transfer:show-files';
  export const authenticate = 'jupyter-transfer:enter-credentials';
  export const remove = 'jupyter-transfer:remove';
  export const reveal = 'jupyter-transfer:show-in-file-browser';
  export const copyPath = 'jupyter-transfer:copy-path';
  export const copySource = 'jupyter-transfer:copy-source';
  export const exportDataCube = 'jupyter-transfer:export-datacube';
  export const copyError = 'jupyter-transfer:copy-error-details';
}
