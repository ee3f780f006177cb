/**
 * Uploads of this browser as rows of the panel, and what an earlier page left.
 */

import type { ITransfer, Phase } from './transfer';
import { audible } from './transfer';
import type { ILeftover, IUploadBatch, UploadState } from './uploads/tokens';

/** Files on their way from this browser as a row. */
export function fromBatch(
  batch: IUploadBatch,
  rate: number | null,
  created: number,
  finished: number | null
): ITransfer {
  const phase = PHASE_OF_UPLOAD[batch.state];
  const over =
    phase === 'done' ||
    phase === 'failed' ||
    phase === 'cancelled' ||
    phase === 'skipped';
  return {
    key: `upload:${batch.id}`,
    kind: 'upload',
    name: batch.name,
    source: '',
    destination: batch.destination,
    folder: batch.destination,
    renamed: batch.renamed,
    arrived: batch.results.length > 0,
    phase,
    bytesDone: batch.bytesDone,
    bytesTotal: batch.bytesTotal,
    filesDone: batch.filesDone,
    filesTotal: batch.filesTotal,
    filesFailed: batch.filesFailed,
    rate: phase === 'copying' ? audible(rate) : null,
    error: batch.error,
    remark: null,
    retryAt: phase === 'retrying' ? batch.retryAt : null,
    attempt: batch.attempt,
    // Every byte is acknowledged with its offset and the whole is published at once.
    verified: null,
    created,
    finished,
    can: {
      pause: !over && phase !== 'paused',
      resume: phase === 'paused',
      cancel: !over,
      retry: phase === 'retrying' || (phase === 'failed' && mayMend(batch)),
      review: false,
      approve: false,
      authenticate: false,
      remove: over
    }
  };
}

/** What an earlier page left unfinished as a row. */
export function fromLeftover(leftover: ILeftover, created: number): ITransfer {
  const { id, name, destination, size, offset, canReopen, folder } = leftover;
  const { filesTotal, filesDone } = folder ?? { filesTotal: 1, filesDone: 0 };
  const part = folder ? filesDone / filesTotal : offset / size;
  const isFolder = folder !== undefined;
  return {
    key: `leftover:${id}`,
    kind: 'upload',
    name,
    source: '',
    destination,
    folder: destination,
    renamed: [],
    arrived: false,
    phase: 'asking',
    bytesDone: offset,
    bytesTotal: isFolder ? null : size,
    filesDone,
    filesTotal,
    filesFailed: 0,
    rate: null,
    error: {
      code: 'needs_browser',
      message: '',
      remedy: '',
      retryable: true,
      detail: { name, folder: destination, part, canReopen, isFolder }
    },
    remark: null,
    retryAt: null,
    attempt: 0,
    verified: null,
    created,
    finished: null,
    can: {
      pause: false,
      resume: false,
      cancel: false,
      retry: true,
      review: false,
      approve: false,
      authenticate: false,
      remove: true
    }
  };
}

/** Whether trying again can help a failed batch, at least with some of its files. */
function mayMend(batch: IUploadBatch): boolean {
  // `error` may be that of the first file; others can have failed otherwise.
  return (
    batch.error === null ||
    batch.error.retryable ||
    batch.failures.some(failure => failure.error.retryable)
  );
}

const PHASE_OF_UPLOAD: Readonly<Record<UploadState, Phase>> = {
  queued: 'waiting',
  running: 'copying',
  checking: 'checking',
  paused: 'paused',
  retrying: 'retrying',
  done: 'done',
  failed: 'failed',
  cancelled: 'cancelled',
  skipped: 'skipped'
};

/** The file or folder that an upload became; null while nothing arrived. */
export function pathOfBatch(batch: IUploadBatch): string | null {
  const { results, destination } = batch;
  if (results.length === 0) {
    return null;
  }
  if (batch.filesTotal === 1) {
    return results[0];
  }
  // A folder arrived as a folder: show that rather than its first file.
  const below = results[0].slice(destination ? destination.length + 1 : 0);
  const top = below.split('/')[0];
  return destination ? `${destination}/${top}` : top;
}
