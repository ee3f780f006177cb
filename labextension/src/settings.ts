/**
 * The person's settings, read each time they are needed.
 */

import type { ISettingRegistry } from '@jupyterlab/settingregistry';
import type { ConflictDefault } from './conflict';
import type { TranslationBundle } from '@jupyterlab/translation';
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
  registry: ISettingRegistry | null,
  trans: TranslationBundle
): Promise<ITransferSettings> {
  let settings: ISettingRegistry.ISettings | null = null;
  try {
    registry?.transform(PLUGIN_ID, {
      fetch: plugin => ({
        ...plugin,
        schema: translated(plugin.schema, 'schema', trans)
      })
    });
    settings = (await registry?.load(PLUGIN_ID)) ?? null;
  } catch {
    // The schema is not served, e.g. by an application that filters settings.
  }
  return new Proxy(DEFAULTS, {
    get: (defaults, name: keyof ITransferSettings) =>
      settings?.composite[name] ?? defaults[name]
  });
}

/**
 * A schema with its titles and descriptions translated: JupyterLab's server
 * looks for them in language packs only, not in packages.
 */
function translated<T>(value: T, context: string, trans: TranslationBundle): T {
  if (Array.isArray(value)) {
    return value.map(child => translated(child, context, trans)) as T;
  }
  if (typeof value !== 'object' || value === null) {
    return value;
  }
  const entries = Object.entries(value).map(([key, child]) => {
    if (typeof child === 'string') {
      const text = key === 'title' || key === 'description';
      // eslint-disable-next-line jupyter/no-dynamic-translation -- the strings stand in the schema
      return [key, text && child ? trans._p(context, child) : child];
    }
    return [key, translated(child, 'settings', trans)];
  });
  return Object.fromEntries(entries) as T;
}
