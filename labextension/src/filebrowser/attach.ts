import type { FileBrowser } from '@jupyterlab/filebrowser';
import type { IDisposable } from '@lumino/disposable';
import { DisposableSet } from '@lumino/disposable';
import { report } from '../commands';
import type { Format } from '../format';
import type { Intake } from '../intake';
import { DropTarget } from './droptarget';
import { Refresher } from './refresher';
import { UploadOverride } from './uploadoverride';

export interface IAttachOptions {
  /** Whether uploads are taken over; asked each time. */
  readonly enabled: () => boolean;
  readonly intake: Pick<Intake, 'drop' | 'upload'>;
  /** Whose batches the listing shows when they arrived. */
  readonly uploader: Refresher.IUploads;
  readonly format: Format;
}

/**
 * Let files that are given to a file browser travel by `intake`, until the
 * result or the browser is disposed.
 */
export function attachFileBrowser(
  browser: FileBrowser,
  options: IAttachOptions
): IDisposable {
  const { enabled, format, intake, uploader } = options;
  const set = DisposableSet.from([
    new DropTarget(browser, {
      enabled,
      onDrop: (data, folder) => {
        intake.drop(data, folder).catch(reason => report(reason, format));
      }
    }),
    new UploadOverride(browser, {
      enabled,
      send: (items, folder, onFile) => intake.upload(items, folder, onFile),
      cancelled: () => format.trans.__('The upload was cancelled.')
    }),
    new Refresher(browser, uploader)
  ]);
  browser.disposed.connect(() => set.dispose());
  return set;
}
