/**
 * The outputs of the magics, drawn live.
 */

import type {
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import { ITranslator } from '@jupyterlab/translation';
import { Format } from '../format';
import { ITransfers } from '../tokens';
import { JobCell } from './jobcell';
import { JOB_MIME, JOBS_MIME, UPLOAD_MIME } from './mime';
import { UploadCell } from './uploadcell';

/** Before the HTML that other front ends show. */
const RANK = 40;

export const cells: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-transfer:cells',
  description: 'Shows transfers in the outputs of notebooks.',
  autoStart: true,
  requires: [ITransfers, ITranslator, IRenderMimeRegistry],
  activate: (
    app: JupyterFrontEnd,
    transfers: ITransfers,
    translator: ITranslator,
    rendermime: IRenderMimeRegistry
  ): void => {
    const { intake, model, place } = transfers;
    const { commands } = app;
    const format = new Format(translator);
    rendermime.addFactory(
      {
        safe: true,
        mimeTypes: [JOB_MIME],
        createRenderer: () => new JobCell({ model, commands, format })
      },
      RANK
    );
    rendermime.addFactory(
      {
        safe: true,
        mimeTypes: [JOBS_MIME],
        createRenderer: () => new JobCell({ model, commands, format })
      },
      RANK
    );
    rendermime.addFactory(
      {
        // A notebook of somebody else shall not say where files go.
        safe: false,
        mimeTypes: [UPLOAD_MIME],
        createRenderer: () =>
          new UploadCell({ model, commands, format, intake, place })
      },
      RANK
    );
  }
};
