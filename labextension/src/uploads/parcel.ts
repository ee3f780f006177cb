import type { ITransferErrorData } from './tokens';
import type { IUploadListener } from './upload';

/** What became of a file. `again`: nothing yet, it must be sent anew. */
export type Fate =
  | { readonly kind: 'done'; readonly index: number; readonly path: string }
  | { readonly kind: 'skipped'; readonly index: number }
  | { readonly kind: 'again'; readonly index: number }
  | {
      readonly kind: 'failed';
      readonly index: number;
      readonly error: ITransferErrorData;
    };

/** Files of a batch that travel as one upload: a single one, or a pack. */
export interface IParcel {
  /** Its files, as places in the batch. */
  readonly indices: readonly number[];
  /** Connections that it can make use of. */
  readonly lanes: number;
  /** Bytes of its files that the server acknowledged. */
  readonly acknowledged: number;
  /** Files of an unfinished pack that the server is done with. */
  readonly filesSettled: number;
  /** Whether the server may have a part of it. */
  readonly isKnown: boolean;
  /**
   * Send what the server does not have; call it again to go on after a failure.
   *
   * @param lanes - connections that may be used at a time.
   * @returns what became of each file.
   * @throws UploadError, or Stopped when `signal` ended it.
   */
  send(
    signal: AbortSignal,
    listener: IUploadListener,
    lanes: number
  ): Promise<Fate[]>;
  /** Let the server forget what is unfinished. */
  terminate(): Promise<void>;
}
