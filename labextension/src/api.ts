/**
 * The server's REST interface below `{base_url}jupyter-transfer/`, typed.
 *
 * Every call rejects with a `TransferError`, also when the server cannot be
 * reached or answers with something that is not ours.
 */

import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';
import type {
  IArchive,
  IBackend,
  IBrowse,
  IClone,
  IDryRun,
  IFilePage,
  IFileQuery,
  IFileRequest,
  IJob,
  IJobList,
  IJobRequest,
  ILogin,
  ILoginRequest,
  IPlannedTransfer,
  IProbe,
  IRemoteKind,
  JobAction
} from './job';
import type { ILeftoversFound } from './leftovers';
import type { IRoom } from './room';
import type { ITransferErrorData } from './uploads/tokens';

const NAMESPACE = 'jupyter-transfer';

/** Jobs asked for at once. */
const PAGE = 500;

/** A failure that the server, or the way to it, reports. */
export class TransferError extends Error implements ITransferErrorData {
  constructor(data: Partial<ITransferErrorData> & { code: string }) {
    super(data.message ?? '');
    this.name = 'TransferError';
    this.code = data.code;
    this.remedy = data.remedy ?? '';
    this.retryable = data.retryable ?? false;
    this.detail = data.detail ?? {};
  }

  readonly code: string;
  readonly remedy: string;
  readonly retryable: boolean;
  readonly detail: Readonly<Record<string, unknown>>;

  /** Any thrown value as a `TransferError`. */
  static from(reason: unknown): TransferError {
    if (reason instanceof TransferError) {
      return reason;
    }
    const data = reason as Partial<ITransferErrorData> | null;
    if (data && typeof data.code === 'string') {
      return new TransferError({ ...data, code: data.code });
    }
    if (reason instanceof ServerConnection.NetworkError) {
      return new TransferError({
        code: 'unreachable',
        message: 'The Jupyter server cannot be reached.',
        remedy: 'Check your network; it goes on when the server is back.',
        retryable: true
      });
    }
    return new TransferError({
      code: 'internal',
      message: reason instanceof Error ? reason.message : String(reason)
    });
  }
}

export class TransferApi {
  constructor(serverSettings: ServerConnection.ISettings) {
    this.serverSettings = serverSettings;
  }

  readonly serverSettings: ServerConnection.ISettings;

  /**
   * The jobs of this user.
   *
   * @param since - Only what changed after this revision; all if undefined.
   */
  async jobs(since?: number): Promise<IJobList> {
    // Looking is not working: it must not keep an idle server alive.
    const query: Record<string, string> = {
      no_track_activity: '1',
      limit: String(PAGE)
    };
    if (since !== undefined) {
      query.since = String(since);
    }
    const page = (offset: number) =>
      this._json<IJobList>('GET', 'jobs', undefined, {
        ...query,
        offset: String(offset)
      });
    // What changes between two pages is newer than the revision of the first.
    const first = await page(0);
    const jobs = [...first.jobs];
    for (let offset = PAGE; offset < first.total; offset += PAGE) {
      jobs.push(...(await page(offset)).jobs);
    }
    return { ...first, jobs };
  }

  startJob(request: IJobRequest): Promise<IJob> {
    return this._json<IJob>('POST', 'jobs', request);
  }

  /**
   * Act on a job.
   *
   * @param options - Secrets that it lacks; with `resume` only.
   */
  changeJob(
    id: string,
    action: JobAction,
    options?: Readonly<Record<string, unknown>>
  ): Promise<IJob> {
    return this._json<IJob>('PATCH', `jobs/${encodeURIComponent(id)}`, {
      action,
      ...(options ? { options } : {})
    });
  }

  /**
   * Change the speed limit (bytes a second such as `5M`, a timetable, '' for
   * none) or the priority of a job that goes on.
   */
  tuneJob(
    id: string,
    changes: { bandwidth?: string; priority?: number }
  ): Promise<IJob> {
    return this._json<IJob>('PATCH', `jobs/${encodeURIComponent(id)}`, changes);
  }

  /** Cancel a live job; forget a finished one. */
  async deleteJob(id: string): Promise<void> {
    await this._json('DELETE', `jobs/${encodeURIComponent(id)}`);
  }

  /** What a job would do; nothing is moved. */
  dryRun(request: IJobRequest): Promise<IDryRun> {
    const options = { ...request.options, dry_run: true };
    return this._json<IDryRun>('POST', 'jobs', { ...request, options });
  }

  /** What the transfers of a file would be; nothing is moved. */
  async planFile(request: IFileRequest): Promise<readonly IPlannedTransfer[]> {
    const answer = await this._json<{ transfers: IPlannedTransfer[] }>(
      'POST',
      'jobs/apply',
      { ...request, dry_run: true }
    );
    return answer.transfers;
  }

  /** Start the transfers of a file, all of them or none. */
  async applyFile(request: IFileRequest): Promise<readonly IJob[]> {
    const answer = await this._json<{ jobs: IJob[] }>(
      'POST',
      'jobs/apply',
      request
    );
    return answer.jobs;
  }

  /**
   * A job as the YAML of a DataCube.
   *
   * @param claim - The claim that its folder lies in; the server's own choice if not given.
   */
  dataCube(id: string, claim?: string): Promise<string> {
    const path = `jobs/${encodeURIComponent(id)}/datacube`;
    const query: Record<string, string> = claim ? { claim } : {};
    return this._text('GET', path, undefined, query);
  }

  /** Rows of a job's report, failed files first. */
  jobFiles(id: string, query: IFileQuery): Promise<IFilePage> {
    const { limit, offset = 0, state } = query;
    return this._json<IFilePage>(
      'GET',
      `jobs/${encodeURIComponent(id)}/files`,
      undefined,
      {
        no_track_activity: '1',
        limit: String(limit),
        offset: String(offset),
        ...(state ? { state } : {})
      }
    );
  }

  /** The address of a job's report, for a link that downloads it. */
  reportUrl(id: string): string {
    const { baseUrl } = this.serverSettings;
    return URLExt.join(baseUrl, NAMESPACE, 'jobs', id, 'report');
  }

  /** What interrupted transfers have left and nobody owns any more. */
  leftovers(): Promise<ILeftoversFound> {
    return this._json<ILeftoversFound>('GET', 'leftovers');
  }

  /**
   * Remove a leftover from where it lies.
   *
   * @param forget - Leave what lies at a service there, and only strike it off the list.
   */
  async removeLeftover(id: string, forget = false): Promise<void> {
    const query: Record<string, string> = forget ? { forget: '1' } : {};
    const path = `leftovers/${encodeURIComponent(id)}`;
    await this._json('DELETE', path, undefined, query);
  }

  /** What a folder takes, before the first byte of an upload. */
  room(path: string): Promise<IRoom> {
    return this._json<IRoom>('GET', 'room', undefined, {
      no_track_activity: '1',
      path
    });
  }

  /** What stands at an address, before anything is moved. */
  probe(
    url: string,
    options: Readonly<Record<string, unknown>> = {}
  ): Promise<IProbe> {
    return this._json<IProbe>('POST', 'probe', { url, options });
  }

  /** What the clone of a repository in the folder `path` shows; rejects where it is none. */
  clone(path: string): Promise<IClone> {
    return this._json<IClone>('GET', 'clone', undefined, { path });
  }

  /** What lies directly below an address: buckets, or one level of folders and files. */
  browse(
    url: string,
    options: Readonly<Record<string, unknown>> = {}
  ): Promise<IBrowse> {
    return this._json<IBrowse>('POST', 'browse', { url, options });
  }

  /** Whether a service takes a secret, which may then be kept; rejects if it does not. */
  login(request: ILoginRequest): Promise<ILogin> {
    return this._json<ILogin>('POST', 'login', request);
  }

  async backends(): Promise<readonly IBackend[]> {
    const answer = await this._json<{ backends: IBackend[] }>(
      'GET',
      'backends',
      undefined,
      { no_track_activity: '1' }
    );
    return answer.backends;
  }

  /** The kinds of remotes that rclone can make up. */
  async remoteKinds(): Promise<readonly IRemoteKind[]> {
    const answer = await this._json<{ forms: IRemoteKind[] }>(
      'GET',
      'backends/rclone/forms'
    );
    return answer.forms;
  }

  /** Prepare one archive of files and folders; its `url` can be followed. */
  archive(paths: readonly string[], name?: string): Promise<IArchive> {
    return this._json<IArchive>('POST', 'archive', {
      paths,
      format: 'zip',
      ...(name ? { name } : {})
    });
  }

  /**
   * The SHA-256 (base64) of a file of the server, by the field Repr-Digest (RFC
   * 9530); null if it states none.
   */
  async digestOf(path: string): Promise<string | null> {
    const response = await ServerConnection.makeRequest(
      this.downloadUrl(path),
      { method: 'HEAD', headers: { 'Want-Repr-Digest': 'sha-256=10' } },
      this.serverSettings
    );
    const field = response.ok ? response.headers.get('Repr-Digest') : null;
    return /(?:^|,)\s*sha-256=:([\w+/=]+):/.exec(field ?? '')?.[1] ?? null;
  }

  /** The address of one plain file, for a link that downloads it. */
  downloadUrl(path: string): string {
    const url = URLExt.join(
      this.serverSettings.baseUrl,
      NAMESPACE,
      'download',
      URLExt.encodeParts(path)
    );
    // A link carries no header: the server wants to see that it is ours.
    const token = /(?:^|;\s*)_xsrf=([^;]*)/.exec(document.cookie)?.[1];
    return token ? url + URLExt.objectToQueryString({ _xsrf: token }) : url;
  }

  private async _json<T>(
    method: string,
    path: string,
    body?: unknown,
    query: Record<string, string> = {}
  ): Promise<T> {
    const text = await this._text(method, path, body, query);
    return (text ? parsed(text) : null) as T;
  }

  private async _text(
    method: string,
    path: string,
    body?: unknown,
    query: Record<string, string> = {}
  ): Promise<string> {
    const settings = this.serverSettings;
    const url =
      URLExt.join(settings.baseUrl, NAMESPACE, path) +
      URLExt.objectToQueryString(query);
    const init: RequestInit = { method };
    if (body !== undefined) {
      init.body = JSON.stringify(body);
      init.headers = { 'Content-Type': 'application/json' };
    }
    let response: Response;
    try {
      response = await ServerConnection.makeRequest(url, init, settings);
    } catch (reason) {
      throw TransferError.from(reason);
    }
    const text = await response.text();
    if (!response.ok) {
      throw errorOf(response, parsed(text));
    }
    return text;
  }
}

/** The value of a text; null of what is no JSON, such as a proxy's page. */
function parsed(text: string): any {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function errorOf(response: Response, value: any): TransferError {
  const data = value?.error;
  if (data && typeof data.code === 'string') {
    return new TransferError(data);
  }
  const busy = response.status === 429 || response.status >= 502;
  return new TransferError({
    code: busy ? 'unreachable' : 'internal',
    message:
      `The server answered ${response.status} ${response.statusText}`.trim(),
    retryable: busy,
    detail: { status: response.status }
  });
}
