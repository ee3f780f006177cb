/**
 * Icons that JupyterLab does not have. Shapes on a 24-pixel grid, coloured by
 * the theme through `jp-icon3` like its own.
 */

import { LabIcon } from '@jupyterlab/ui-components';

function shape(path: string, width: number = 16): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" viewBox="0 0 24 24">
  <path fill="#616161" fill-rule="evenodd" d="${path}" class="jp-icon3"/>
</svg>`;
}

const CLOUD =
  'M6.5 20a5.5 5.5 0 0 1-.9-10.93 7 7 0 0 1 13.32 1.98A4.5 4.5 0 0 1 18.5 20z';

/** One arrow up, one arrow down: the panel. */
export const transfersIcon = new LabIcon({
  name: 'jupyter-transfer:transfers',
  svgstr: shape(
    'M8 3 3 8.5h3.75V17h2.5V8.5H13zm8 18 5-5.5h-3.75V7h-2.5v8.5H11z',
    24
  )
});

/** A cloud with an arrow down: from the net to the server. */
export const fetchIcon = new LabIcon({
  name: 'jupyter-transfer:fetch',
  svgstr: shape(`${CLOUD}M10.75 9.5v4H8l4 4.5 4-4.5h-2.75v-4z`)
});

/** A cloud with an arrow up: from the server to the net. */
export const sendIcon = new LabIcon({
  name: 'jupyter-transfer:send',
  svgstr: shape(`${CLOUD}M12 9l-4 4.5h2.75v4h2.5v-4H16z`)
});

/** A folder with an arrow up. */
export const folderUploadIcon = new LabIcon({
  name: 'jupyter-transfer:folder-upload',
  svgstr: shape(
    'M20 6h-8l-2-2H4a2 2 0 0 0-2 2v12c0 1.1.9 2 2 2h16a2 2 0 0 0 2-2V8a2 2 0 0 0-2-2zm-9 11v-4H8l4-4 4 4h-3v4z'
  )
});

export const pauseIcon = new LabIcon({
  name: 'jupyter-transfer:pause',
  svgstr: shape('M7 5h4v14H7zm6 0h4v14h-4z')
});
