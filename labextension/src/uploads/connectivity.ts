import type { IDisposable } from '@lumino/disposable';

/**
 * Waiting for better times: pauses between attempts, which end early when the
 * network comes back or another upload finds the server again.
 */
export class Connectivity implements IDisposable {
  constructor(baseUrl: string) {
    this._isLoopback = isLoopback(baseUrl);
    window.addEventListener('online', this._wake);
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  /**
   * Whether the browser knows that the server is out of reach. A server on
   * this very computer is within reach without any network.
   */
  get isOffline(): boolean {
    return !this._isLoopback && navigator.onLine === false;
  }

  dispose(): void {
    this._isDisposed = true;
    window.removeEventListener('online', this._wake);
  }

  /** The server answered: who waits for it need wait no longer. */
  serverFound(): void {
    this._wake();
  }

  /**
   * Wait for `delay` milliseconds or until `signal` ends it; if `forServer`,
   * also until the server was found.
   */
  pause(delay: number, signal: AbortSignal, forServer: boolean): Promise<void> {
    return new Promise(resolve => {
      const end = () => {
        window.clearTimeout(timer);
        signal.removeEventListener('abort', end);
        this._sleepers.delete(end);
        resolve();
      };
      const timer = window.setTimeout(end, signal.aborted ? 0 : delay);
      signal.addEventListener('abort', end);
      if (forServer) {
        this._sleepers.add(end);
      }
    });
  }

  private _wake = (): void => {
    for (const end of [...this._sleepers]) {
      end();
    }
  };

  private _isLoopback: boolean;
  private _isDisposed = false;
  private _sleepers = new Set<() => void>();
}

function isLoopback(baseUrl: string): boolean {
  const { hostname } = new URL(baseUrl, document.baseURI);
  return /^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname);
}
