import type { ITarPiece } from './tarpiece';
import { composeTar } from './tarpiece';

/** What the worker is asked; `id` comes back with the answer. */
export interface IWorkerRequest {
  readonly id: number;
  readonly compose: ITarPiece;
}

/** What the worker answers; null where it failed. */
export interface IWorkerAnswer {
  readonly id: number;
  readonly result: Blob | null;
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
 * together here.
 */
export class UploadWorker {
  /** @param spawn - Starts the worker, when it is first of use; null if there is none. */
  constructor(private _spawn: () => IWorkerPort | null) {}

  /** Put a piece of a tar together. */
  async compose(piece: ITarPiece): Promise<Blob> {
    return (await this._ask({ compose: piece })) ?? composeTar(piece);
  }

  /** End the worker. */
  dispose(): void {
    this._spawn = () => null;
    this._end();
  }

  private _ask(what: { compose: ITarPiece }): Promise<Blob | null> {
    const worker = this._start();
    if (worker === null) {
      return Promise.resolve(null);
    }
    const id = this._next++;
    return new Promise(resolve => {
      this._waiting.set(id, resolve);
      worker.postMessage({ ...what, id });
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
    this._waiting.forEach(resolve => resolve(null));
    this._waiting.clear();
  }

  private _worker: IWorkerPort | null | undefined;
  private _next = 0;
  private _waiting = new Map<number, (result: Blob | null) => void>();
}
