/** One HTTP request of the uploader. */
export interface IHttpRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Blob;
  readonly signal?: AbortSignal;
  /** Milliseconds in which the body must have left; 0 or absent: any number. */
  readonly deadline?: number;
  /** Called with the number of body bytes that have left so far. */
  readonly onSent?: (bytes: number) => void;
}

export interface IHttpResponse {
  readonly status: number;
  readonly text: string;
  header(name: string): string | null;
}

/**
 * How requests travel. `send` resolves with any answer; without one it rejects
 * with an `UploadError`, or with a `Stopped` when `signal` ended it.
 */
export interface ITransport {
  send(request: IHttpRequest): Promise<IHttpResponse>;
}

/** The request was ended on purpose (pause, cancel): not a failure. */
export class Stopped extends Error {
  constructor() {
    super('stopped');
    this.name = 'Stopped';
  }
}

/** Throw `Stopped` if `signal` says so. */
export function checkStopped(signal: AbortSignal): void {
  if (signal.aborted) {
    throw new Stopped();
  }
}
