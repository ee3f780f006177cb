/** What answers of a tus server say. */

import { clientErrors, parseOffset, UploadError } from './errors';
import type { ITransferErrorData } from './tokens';
import type { IHttpResponse } from './transport';

/** What the server says of an upload. */
export interface ITusState {
  readonly url: string;
  /** Bytes that the server has. */
  readonly offset: number;
  /** The final path below the root once the file stands there, else null. */
  readonly path: string | null;
  /** Files of a pack that are done with, well or not; 0 for a single file. */
  readonly filesSettled: number;
}

/** What became of a file of a pack. */
export interface IPackedFile {
  /** As the pack calls it. */
  readonly name: string;
  /** Below the root. */
  readonly path: string;
  readonly state: 'done' | 'failed' | 'skipped';
  readonly error: Partial<ITransferErrorData> | null;
}

/** Whether the server says that it does not know the upload (any more). */
export function isGone(error: unknown): error is UploadError {
  // A 404 of a proxy or hub says nothing of our upload.
  return (
    error instanceof UploadError &&
    error.fromTus &&
    (error.status === 404 || error.status === 410)
  );
}

/** @throws UploadError `protocol` where the answer makes no sense. */
export function readState(
  url: string,
  response: IHttpResponse,
  length: number
): ITusState {
  return {
    url,
    offset: readOffset(response, length),
    path: readPath(response),
    filesSettled: readSettled(response)
  };
}

export function readSettled(response: IHttpResponse): number {
  return ['Done', 'Failed', 'Skipped']
    .map(state => parseOffset(response.header(`Transfer-Files-${state}`)) ?? 0)
    .reduce((sum, count) => sum + count);
}

export function readFiles(text: string): {
  files: IPackedFile[];
  total: number;
} {
  try {
    const { files, total } = JSON.parse(text);
    if (Array.isArray(files) && typeof total === 'number') {
      return { files, total };
    }
  } catch {
    // Fall through.
  }
  throw clientErrors.protocol('it does not tell what became of the files');
}

export function readOffset(response: IHttpResponse, length: number): number {
  const offset = parseOffset(response.header('Upload-Offset'));
  if (offset === null || offset > length) {
    throw clientErrors.protocol('it states no valid offset');
  }
  return offset;
}

export function readPath(response: IHttpResponse): string | null {
  const path = response.header('Transfer-Path');
  if (path === null) {
    return null;
  }
  try {
    return decodeURIComponent(path).replace(/^\/+/, '');
  } catch {
    throw clientErrors.protocol('it names no valid path');
  }
}
