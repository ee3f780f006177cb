/**
 * Files and folders of the server to this computer, by the browser's own
 * download manager, which can resume them.
 */

import type { Contents } from '@jupyterlab/services';
import type { TransferApi } from './api';

/** One plain file as it is; several files or folders as one zip. */
export async function download(
  items: readonly Pick<Contents.IModel, 'path' | 'type'>[],
  api: TransferApi
): Promise<void> {
  if (items.length === 1 && items[0].type !== 'directory') {
    follow(api.downloadUrl(items[0].path));
    return;
  }
  const archive = await api.archive(items.map(item => item.path));
  follow(archive.url);
}

/** A text as a file for this computer. */
export function downloadText(text: string, name: string): void {
  const url = URL.createObjectURL(new Blob([text]));
  follow(url, name);
  URL.revokeObjectURL(url);
}

/** Follow a link that downloads; the page stays. Without a name the server says it. */
function follow(url: string, name = ''): void {
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.hidden = true;
  document.body.appendChild(link);
  link.click();
  link.remove();
}
