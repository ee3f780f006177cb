import type { TusClient } from './tusclient';

/** Bytes that travel as one upload, and what the server is told of them. */
export interface IUploadSource {
  readonly size: number;
  /** Upload-Metadata of the upload. */
  readonly metadata: Readonly<Record<string, string>>;
  /**
   * Whether all becomes visible at once, at the end. If not, an upload that
   * the server forgot is not simply begun anew: parts of it may stand there.
   */
  readonly isAtomic: boolean;
  /** Whether it is a part of another upload (tus, concatenation): then it gets no path of its own. */
  readonly isPartial: boolean;
  /** Bytes from `start` on, up to `end`: perhaps fewer, but at least one if there are any. */
  slice(start: number, end: number): Blob | Promise<Blob>;
  /** Paths of the files among these bytes that cannot be read any more. */
  unreadable(start: number, end: number): Promise<readonly string[]>;
  /**
   * The final path, if all stands there already: the answer to an earlier
   * request may have been lost on the way.
   */
  findDelivered(client: TusClient, signal: AbortSignal): Promise<string | null>;
}

/** Whether a byte of `file` can be read: it may have been changed, moved or removed. */
export function isReadable(file: Blob, at: number): Promise<boolean> {
  const start = Math.min(at, Math.max(file.size - 1, 0));
  return new Promise(resolve => {
    const reader = new FileReader();
    reader.onload = () => resolve(true);
    reader.onerror = () => resolve(false);
    reader.readAsArrayBuffer(file.slice(start, start + 1));
  });
}
