import type { FolderMemory } from './foldermemory';
import type { Hasher } from './hasher';
import type { PieceSizer } from './piecesizer';
import type { ITiming } from './timing';
import type { ConflictPolicy } from './tokens';
import type { TusClient } from './tusclient';
import type { UploadMemory } from './uploadmemory';
import type { UploadWorker } from './uploadworker';

/** A file on its way, over one connection or several. */
export interface IUpload {
  /** Bytes that the server has, as far as it last said. */
  readonly offset: number;
  /** Whether the server may have a part of it. */
  readonly isKnown: boolean;
  /** Where the server keeps it; null for what it does not know. */
  readonly urls: readonly (string | null)[];
  /** What its segments share; null if there are none. */
  readonly assembly: string | null;
  /** Go on with what an earlier page began. */
  adopt(urls: readonly (string | null)[]): void;
  /**
   * Send what the server does not have. A failure ends it; calling it again
   * goes on.
   *
   * @param lanes - connections that may be used at a time.
   * @returns the final path (of a segment nothing), or null if the file was
   *   skipped.
   * @throws UploadError, or Stopped when `signal` ended it.
   */
  send(
    signal: AbortSignal,
    listener: IUploadListener,
    lanes: number
  ): Promise<string | null>;
  /** Let the server forget what it has of an unfinished file. */
  terminate(): Promise<void>;
}

/** What an upload tells while it is under way. */
export interface IUploadListener {
  /** The server has `delta` bytes more (fewer if it lost some). */
  acknowledged(delta: number): void;
  /** `delta` more bytes left this computer. */
  sent(delta: number): void;
  /** All bytes left; the server checks and publishes the file. */
  checking(value: boolean): void;
}

/** What all uploads of a batch share. */
export interface IUploadContext {
  readonly client: TusClient;
  readonly sizer: PieceSizer;
  readonly hasher: Hasher;
  readonly memory: UploadMemory;
  readonly worker: UploadWorker;
  readonly timing: ITiming;
  /** Whether the server takes packs; all batches learn it together. */
  readonly packs: { areTaken: boolean };
  readonly destination: string;
  readonly conflict: ConflictPolicy;
  /** Remembers the batch, if it has many files. */
  readonly folder?: FolderMemory | null;
}
