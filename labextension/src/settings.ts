/**
 * The person's settings, read each time they are needed.
 */

import type { ISettingRegistry } from '@jupyterlab/settingregistry';
import type { ConflictDefault } from './conflict';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { ChecksumMode } from './uploads';
import { PANEL_PLUGIN_ID, PLUGIN_ID } from './ids';

export interface ITransferSettings {
  /** Whether the file browser's uploads travel through us. */
  readonly takeOverUploads: boolean;
  readonly conflict: ConflictDefault;
  /** When pieces of uploads get a checksum. */
  readonly checksums: ChecksumMode;
  /** Requests at a time; takes effect when the page is loaded. */
  readonly maxConnections: number;
}

const DEFAULTS: ITransferSettings = {
  takeOverUploads: true,
  conflict: 'ask',
  checksums: 'auto',
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

/**
 * Show the settings in the person's language: JupyterLab's server translates
 * schemas by language packs only, not by catalogues of packages.
 */
export function translateSettings(
  registry: ISettingRegistry,
  trans: TranslationBundle
): void {
  const translate = (_: unknown, id: string) => {
    const plugin = registry.plugins[id];
    if (plugin && (id === PLUGIN_ID || id === PANEL_PLUGIN_ID)) {
      plugin.schema = translated(plugin.schema, 'schema', trans);
    }
  };
  // After each change the schema comes anew from the server.
  registry.pluginChanged.connect(translate);
  [PLUGIN_ID, PANEL_PLUGIN_ID].forEach(id => translate(null, id));
}

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
