import type { IToOpen } from './openfiles';
import type { ITarPiece } from './tarpiece';
import { composeTar } from './tarpiece';

/** A piece to be put together, a blob to be hashed, or files to be opened. */
export interface IWork {
  readonly compose?: ITarPiece;
  readonly sha256?: Blob;
  readonly open?: IToOpen;
}

/** What the worker is asked; `id` comes back with the answer. */
export interface IWorkerRequest extends IWork {
  readonly id: number;
}

/** What comes of it; null where that failed. */
export type Result = Blob | ArrayBuffer | readonly (File | null)[] | null;

/** What the worker answers. */
export interface IWorkerAnswer {
  readonly id: number;
  readonly result: Result;
}

/** The part of `Worker` that is used. */
export type IWorkerPort = Pick<
  Worker,
  'postMessage' | 'onmessage' | 'onerror' | 'terminate'
>;

/**
 * Work of uploads that would keep the page busy, done in a thread of its own. A
 * `Blob` of many files, for one, is announced to the browser's main process by a
 * call that the page would wait for.
 *
 * Where there is no worker (a policy of the page may forbid it), pieces are put
 * together here, and nothing is hashed.
 */
export class UploadWorker {
  /** @param spawn - Starts the worker, when it is first of use; null if there is none. */
  constructor(private _spawn: () => IWorkerPort | null) {}

  /** Put a piece of a tar together. */
  async compose(piece: ITarPiece): Promise<Blob> {
    const blob = await this._ask({ compose: piece });
    return (blob as Blob | null | undefined) ?? composeTar(piece);
  }

  /** The SHA-256 of a blob; null if there is no worker. Rejects when it cannot be read. */
  async sha256(blob: Blob): Promise<ArrayBuffer | null> {
    const digest = await this._ask({ sha256: blob });
    if (digest === null) {
      throw new DOMException('cannot be read', 'NotReadableError');
    }
    return (digest as ArrayBuffer | undefined) ?? null;
  }

  /** Open files of a folder; null if there is no worker. */
  async open(toOpen: IToOpen): Promise<readonly (File | null)[] | null> {
    const files = await this._ask({ open: toOpen });
    return (files as readonly (File | null)[] | null | undefined) ?? null;
  }

  /** End the worker. */
  dispose(): void {
    this._spawn = () => null;
    this._end();
  }

  /** Resolves with undefined where there is no worker. */
  private _ask(work: IWork): Promise<Result | undefined> {
    const worker = this._start();
    if (worker === null) {
      return Promise.resolve(undefined);
    }
    const id = this._next++;
    return new Promise(resolve => {
      this._waiting.set(id, resolve);
      try {
        worker.postMessage({ ...work, id });
      } catch {
        // The browser does not hand that over to a thread.
        this._waiting.delete(id);
        resolve(undefined);
      }
    });
  }

  private _start(): IWorkerPort | null {
    if (this._worker === undefined) {
      this._worker = this._spawn();
      if (this._worker !== null) {
        this._worker.onmessage = ({ data }: MessageEvent<IWorkerAnswer>) => {
          this._waiting.get(data.id)?.(data.result);
          this._waiting.delete(data.id);
        };
        // It did not load: its own failures come as answers.
        this._worker.onerror = () => this._end();
      }
    }
    return this._worker;
  }

  private _end(): void {
    this._worker?.terminate();
    this._worker = null;
    this._waiting.forEach(resolve => resolve(undefined));
    this._waiting.clear();
  }

  private _worker: IWorkerPort | null | undefined;
  private _next = 0;
  private _waiting = new Map<number, (result: Result | undefined) => void>();
}
