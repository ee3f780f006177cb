import type { Digest } from './digest';
import { base64Of } from './digest';
import type { ConflictPolicy, IFolderRoots } from './tokens';

/** What is kept of an unfinished upload beyond the life of the page. */
export interface ITrace {
  readonly id: string;
  /** The base URL of the server. */
  readonly server: string;
  /** Tells the file and its content from others; see `fingerprintOf`. */
  readonly fingerprint: string;
  /** Of a batch its name. */
  readonly relativePath: string;
  readonly size: number;
  readonly destination: string;
  readonly conflict: ConflictPolicy;
  /** What the segments of the file share; null if it travels in one. */
  readonly assembly: string | null;
  /** Where its uploads are on the server; null for one that was not begun. */
  readonly urls: readonly (string | null)[];
  /** Opens the file again if the person allows; null where the browser gave none. */
  readonly handle: FileSystemFileHandle | null;
  /** Only of a batch of many files: then `urls` are those of its unfinished packs. */
  readonly folder?: IFolderTrace;
}

/** How far a batch of many files has come. */
export interface IFolderTrace {
  readonly filesTotal: number;
  readonly filesDone: number;
  /** Milliseconds since the epoch. */
  readonly begun: number;
  /** Opens what was dropped again if the person allows; null where the browser gave none. */
  readonly roots: IFolderRoots | null;
}

/** Where traces are kept. */
export interface ITraceStore {
  all(): Promise<ITrace[]>;
  put(trace: ITrace): Promise<void>;
  delete(id: string): Promise<void>;
}

/** Bytes at the start and the end of a file that tell its content. */
const SAMPLE = 64 * 1024;

/**
 * Tells a/x from b/x, and a file from what it was before it was changed: place,
 * size, time of change, and the SHA-256 of its first and last bytes, where it
 * can be computed.
 */
export async function fingerprintOf(
  file: File,
  relativePath: string,
  digest: Digest | null
): Promise<string> {
  const facts = [relativePath, file.size, file.lastModified];
  const sample = new Blob([file.slice(0, SAMPLE), file.slice(-SAMPLE)]);
  const sum = await digest?.(sample);
  if (sum) {
    facts.push(base64Of(sum));
  }
  return JSON.stringify(facts);
}
