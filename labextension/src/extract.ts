/**
 * Archives of the file browser that become files again.
 */

import { InputDialog } from '@jupyterlab/apputils';
import type { Contents } from '@jupyterlab/services';
import { fileIcon, folderIcon } from '@jupyterlab/ui-components';
import type { ICommandContext } from './commands';
import { report, showStarted } from './commands';
import { CommandIDs } from './ids';
import type { IJobRequest } from './job';
import { baseName, folderOf } from './names';

/** How names of archives end; the server looks at the bytes. */
const SUFFIX =
  /\.(zip|whl|jar|egg|tar|tar\.(gz|bz2|xz|zst)|tgz|tbz2?|txz|tzst)$/i;

/** Whether `name` is that of an archive that can be extracted. */
export function isArchive(name: string): boolean {
  return SUFFIX.test(name);
}

/** The folder that an archive is extracted to: beside it, called as it. */
export function folderFor(path: string): string {
  const folder = folderOf(path);
  const name = baseName(path);
  const stem = name.replace(SUFFIX, '') || `${name} extracted`;
  return folder ? `${folder}/${stem}` : stem;
}

export function addExtractCommands(context: ICommandContext): void {
  const { commands, format, place } = context;
  const { trans } = format;
  const args = {
    type: 'object',
    properties: {
      paths: {
        type: 'array',
        items: { type: 'string' },
        description: trans.__(
          'The archives; the selection of the file browser if not given'
        )
      }
    }
  } as const;
  const isVisible = (given: { paths?: unknown }) =>
    Array.isArray(given.paths) || areArchives(place.selection);
  const chosen = (paths: unknown): readonly string[] =>
    Array.isArray(paths)
      ? paths.map(String)
      : place.selection
          .filter(({ type, path }) => type !== 'directory' && isArchive(path))
          .map(({ path }) => path);

  commands.addCommand(CommandIDs.extractHere, {
    label: trans.__('Extract Here'),
    caption: trans.__('Extract each archive into a new folder beside it'),
    icon: folderIcon,
    describedBy: { args },
    isVisible,
    execute: ({ paths }) =>
      extract(
        context,
        chosen(paths).map(path => [path, folderFor(path)])
      )
  });

  commands.addCommand(CommandIDs.extractTo, {
    label: trans.__('Extract to…'),
    caption: trans.__('Extract the archive into a folder that you name'),
    icon: fileIcon,
    describedBy: { args },
    isVisible,
    execute: async ({ paths }) => {
      const archives = chosen(paths);
      if (archives.length > 0) {
        const folder = await askFolder(context, archives);
        if (folder !== null) {
          await extract(
            context,
            archives.map(path => [path, folder])
          );
        }
      }
    }
  });
}

function areArchives(items: readonly Contents.IModel[]): boolean {
  return (
    items.length > 0 &&
    items.every(({ type, path }) => type !== 'directory' && isArchive(path))
  );
}

/** The folder below the server's root that a person names; null for none. */
async function askFolder(
  { format: { trans } }: ICommandContext,
  [first, ...others]: readonly string[]
): Promise<string | null> {
  const { button, value } = await InputDialog.getText({
    title: trans.__('Extract to'),
    label: trans.__('Folder, from the top of the file browser'),
    text: others.length > 0 ? folderOf(first) : folderFor(first),
    okLabel: trans.__('Extract')
  });
  const folder = (value ?? '').trim().replace(/^\/+/, '');
  return button.accept ? folder || '.' : null;
}

async function extract(
  context: ICommandContext,
  archives: readonly (readonly [path: string, folder: string])[]
): Promise<void> {
  const started: IJobRequest[] = [];
  try {
    for (const [source, destination] of archives) {
      const request = { source, destination, kind: 'extract' as const };
      await context.api.startJob(request);
      started.push(request);
    }
  } catch (reason) {
    report(reason, context.format);
  }
  await showStarted(context, started.length > 0 ? started : null);
}
