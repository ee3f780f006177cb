/** The browser's side of an upload: files in, final paths out. No UI. */
export type { Digest } from './digest';
export { base64Of } from './digest';
export type { IDrop } from './dropitems';
export { readDrop } from './dropitems';
export { UploadError } from './errors';
export { FileItem } from './fileitem';
export type { ChecksumMode } from './hasher';
export { isDebris, itemsOf, nameOf } from './items';
export type { OpenFiles } from './openfiles';
export { Pace } from './pace';
export type {
  ConflictPolicy,
  IFolderRoots,
  ILeftover,
  IReopened,
  ITransferErrorData,
  IUploadBatch,
  IUploadFailure,
  IUploadItem,
  IUploadOptions,
  UploadState
} from './tokens';
export { Uploader } from './uploader';
