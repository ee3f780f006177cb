/** Where files enter by JupyterLab's file browser. */
export type { IAttachOptions } from './attach';
export { attachFileBrowser } from './attach';
