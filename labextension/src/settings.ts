/**
 * The person's settings, read each time they are needed.
 */

import type { ISettingRegistry } from '@jupyterlab/settingregistry';
import type { ConflictDefault } from './conflict';
import { PLUGIN_ID } from './ids';

export interface ITransferSettings {
  /** Whether the file browser's uploads travel through us. */
  readonly takeOverUploads: boolean;
  readonly conflict: ConflictDefault;
  /** Requests at a time; takes effect when the page is loaded. */
  readonly maxConnections: number;
}

const DEFAULTS: ITransferSettings = {
  takeOverUploads: true,
  conflict: 'ask',
  maxConnections: 4
};

/** The settings, kept up to date; the defaults where there is no registry. */
export async function loadSettings(
  registry: ISettingRegistry | null
): Promise<ITransferSettings> {
  let settings: ISettingRegistry.ISettings | null = null;
  try {
    settings = (await registry?.load(PLUGIN_ID)) ?? null;
  } catch {
    // The schema is not served, e.g. by an application that filters settings.
  }
  return new Proxy(DEFAULTS, {
    get: (defaults, name: keyof ITransferSettings) =>
      settings?.composite[name] ?? defaults[name]
  });
}
