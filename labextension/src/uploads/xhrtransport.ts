import type { ServerConnection } from '@jupyterlab/services';
import { clientErrors } from './errors';
import type { ITiming } from './timing';
import type { IHttpRequest, IHttpResponse, ITransport } from './transport';
import { Stopped } from './transport';

/**
 * Requests by XMLHttpRequest: `fetch` tells nothing of a body on its way, and
 * without that a dead connection cannot be told from a slow one.
 *
 * Signs requests as `ServerConnection.makeRequest` does: the token if there is
 * one, and the XSRF cookie, read anew each time because a sign-in changes it.
 */
export class XhrTransport implements ITransport {
  constructor(settings: ServerConnection.ISettings, timing: ITiming) {
    this._settings = settings;
    this._timing = timing;
  }

  send(request: IHttpRequest): Promise<IHttpResponse> {
    return new Promise((resolve, reject) => {
      const { signal } = request;
      if (signal?.aborted) {
        reject(new Stopped());
        return;
      }
      const xhr = new XMLHttpRequest();
      let stall = 0;
      let deadline = 0;

      const finish = (settle: () => void) => {
        window.clearTimeout(stall);
        window.clearTimeout(deadline);
        signal?.removeEventListener('abort', onAbort);
        settle();
      };
      const giveUp = () => {
        finish(() => reject(clientErrors.stalled()));
        xhr.abort();
      };
      const onAbort = () => {
        finish(() => reject(new Stopped()));
        xhr.abort();
      };
      const watch = (delay: number) => {
        window.clearTimeout(stall);
        stall = window.setTimeout(giveUp, delay);
      };

      xhr.open(request.method, request.url);
      this._sign(xhr, request.headers);
      if (request.body) {
        // Listeners on `upload` cost a CORS preflight, so only where a body is.
        xhr.upload.addEventListener('progress', event => {
          watch(this._timing.stall);
          request.onSent?.(event.loaded);
        });
        xhr.upload.addEventListener('load', () => {
          window.clearTimeout(deadline);
          watch(this._timing.answer);
        });
      }
      xhr.addEventListener('load', () =>
        finish(() => resolve(asResponse(xhr)))
      );
      xhr.addEventListener('error', () =>
        finish(() => reject(clientErrors.network()))
      );
      signal?.addEventListener('abort', onAbort);
      if (request.deadline) {
        deadline = window.setTimeout(giveUp, request.deadline);
      }
      watch(this._timing.stall);
      xhr.send(request.body ?? null);
    });
  }

  private _sign(
    xhr: XMLHttpRequest,
    headers: Readonly<Record<string, string>>
  ): void {
    const { init, token } = this._settings;
    xhr.withCredentials = init.credentials === 'include';
    new Headers(init.headers).forEach((value, name) =>
      xhr.setRequestHeader(name, value)
    );
    for (const [name, value] of Object.entries(headers)) {
      xhr.setRequestHeader(name, value);
    }
    if (token) {
      xhr.setRequestHeader('Authorization', `token ${token}`);
    }
    const xsrf = getCookie('_xsrf');
    if (xsrf !== undefined) {
      xhr.setRequestHeader('X-XSRFToken', xsrf);
    }
  }

  private _settings: ServerConnection.ISettings;
  private _timing: ITiming;
}

function asResponse(xhr: XMLHttpRequest): IHttpResponse {
  return {
    status: xhr.status,
    text: xhr.responseText,
    header: name => xhr.getResponseHeader(name)
  };
}

/**
 * The last cookie of that name: with several paths the server's parser keeps
 * the last one too (jupyterlab#15083).
 */
function getCookie(name: string): string | undefined {
  let last: string | undefined;
  for (const part of document.cookie.split(';')) {
    const trimmed = part.trim();
    if (trimmed.startsWith(`${name}=`)) {
      last = trimmed.slice(name.length + 1);
    }
  }
  return last;
}
