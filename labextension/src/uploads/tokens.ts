/**
 * What the rest of the front end may know of the uploader: the items that go
 * in, the batch that comes out, and the error that both speak of.
 */

/** A failure as the server's JSON and the panel know it. */
export interface ITransferErrorData {
  /** Stable name that translations hang on, e.g. `disk_full`. */
  readonly code: string;
  /** One English sentence: what happened. */
  readonly message: string;
  /** One English sentence: what the person can do. */
  readonly remedy: string;
  /** Whether trying again may help. */
  readonly retryable: boolean;
  /** Further plain values, e.g. `{ free_bytes: 0 }`. */
  readonly detail: Readonly<Record<string, unknown>>;
}

/** One file of this computer. */
export interface IUploadItem {
  /** Where it is to stand below the destination: `photos/a.jpg`. */
  readonly relativePath: string;
  /** Bytes; null while the file was never opened. */
  readonly size: number | null;
  /** The file as it is now. Rejects when it cannot be read. */
  open(): Promise<File>;
  /** Opens the file again after a reload; only some browsers give one. Never rejects. */
  readonly handle?: Promise<FileSystemFileHandle | null>;
}

/** What happens to a file whose name is taken. */
export type ConflictPolicy = 'rename' | 'overwrite' | 'skip' | 'fail';

export type UploadState =
  | 'queued'
  | 'running'
  | 'checking'
  | 'paused'
  | 'retrying'
  | 'done'
  | 'failed'
  | 'cancelled'
  | 'skipped';

/** A file of a batch that did not arrive, and why. */
export interface IUploadFailure {
  readonly item: IUploadItem;
  readonly error: ITransferErrorData;
}

/**
 * Files that were given together: one row of the panel. All values are plain
 * getters; `Uploader.changed` says when to read them again.
 */
export interface IUploadBatch {
  readonly id: string;
  readonly name: string;
  /** The folder below the server's root, without slashes around; '' is the root. */
  readonly destination: string;
  readonly state: UploadState;
  /** Files that arrived or were skipped. */
  readonly filesDone: number;
  readonly filesTotal: number;
  readonly filesFailed: number;
  /** Files left alone because their name was taken and the policy is `skip`. */
  readonly filesSkipped: number;
  /** Bytes that the server acknowledged. */
  readonly bytesDone: number;
  /** Bytes of all files but the skipped ones; null while some were never opened. */
  readonly bytesTotal: number | null;
  /** What stopped the batch, or what it waits for; null when all is well. */
  readonly error: ITransferErrorData | null;
  /** When the next attempt starts (milliseconds since the epoch), or null. */
  readonly retryAt: number | null;
  /** The number of the attempt that is waited for; 0 when all is well. */
  readonly attempt: number;
  /**
   * Bytes a second put on the wire, smoothed. Acknowledgements come every few
   * seconds, too seldom to tell the speed by them.
   */
  readonly rate: number;
  /** Final paths below the server's root, in the order of arrival. */
  readonly results: string[];
  /** Those of `results` whose files got another name than they have here. */
  readonly renamed: readonly string[];
  /** The files that failed, in the order of failing. */
  readonly failures: readonly IUploadFailure[];
  /** Stop sending; what the server has, it keeps. */
  pause(): void;
  /** Go on after `pause`; while retrying, try at once. */
  resume(): void;
  /** Stop for good and let the server forget unfinished files. Files that arrived stay. */
  cancel(): Promise<void>;
  /** Send again what failed; while retrying, try at once. */
  retry(): void;
  /** Resolves (never rejects) when the batch is done, failed, cancelled or skipped. */
  readonly finished: Promise<void>;
}

/** An upload that an earlier page left unfinished. */
export interface ILeftover {
  readonly id: string;
  readonly name: string;
  /** Of the file, below the destination; of a folder its name. */
  readonly relativePath: string;
  /** The folder below the server's root; '' is the root. */
  readonly destination: string;
  /** What was to happen where a name is taken. */
  readonly conflict: ConflictPolicy;
  readonly size: number;
  /** Bytes that the server has. */
  readonly offset: number;
  /** Whether the browser can open the file again without the person choosing it. */
  readonly canReopen: boolean;
  /** Of a folder, or many files that were given together. */
  readonly folder?: { readonly filesTotal: number; readonly filesDone: number };
}

/** The files of a leftover, opened again. */
export interface IReopened {
  readonly items: IUploadItem[];
  /** Of a folder what opens it again after the next reload. */
  readonly roots: IFolderRoots | null;
}

/** What opens dropped folders again after a reload. */
export interface IFolderRoots {
  readonly handles: readonly FileSystemDirectoryHandle[];
  /** Files that were found in them. */
  readonly files: number;
}

export interface IUploadOptions {
  /** The folder below the server's root; '' is the root. */
  readonly destination: string;
  /** The default is `rename`: nothing is ever replaced unasked. */
  readonly conflict?: ConflictPolicy;
  /** Folders without files, below the destination; they are made as well. */
  readonly emptyFolders?: readonly string[];
  /** Called for each of `emptyFolders` that could not be made. */
  readonly onFolderFailed?: (path: string, error: ITransferErrorData) => void;
  /** Where the files came from, if the browser can go there again. */
  readonly roots?: IFolderRoots | null;
  /** The id of the leftover that this goes on with: it is listed no longer. */
  readonly goesOn?: string;
  /** The name of the row; by default the common folder or the first file. */
  readonly name?: string;
  /**
   * Called once for each file that arrived (with its final path), was skipped
   * (path null) or failed; again when a failed file was sent anew. Files that
   * a cancelled batch did not send are not spoken of.
   */
  readonly onFile?: (
    item: IUploadItem,
    path: string | null,
    error: ITransferErrorData | null
  ) => void;
}
