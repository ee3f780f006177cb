import { ServerConnection } from '@jupyterlab/services';
import type { ITiming } from '../timing';
import { FileItem } from '../fileitem';
import type { IUploadBatch } from '../tokens';
import { Uploader } from '../uploader';
import type { IHttpRequest, IHttpResponse, ITransport } from '../transport';
import { MemoryTraces } from './memorytraces';
import { TusServer } from './tusserver';

/** Short enough for a test, long enough for a busy machine. */
export const QUICK: Partial<ITiming> = {
  stall: 3000,
  backoff: 40,
  backoffMax: 100,
  coalesce: 20
};

/**
 * jsdom reports each broken connection on the console; here they are meant. And
 * what one test learnt of proxies does not hold for the next.
 */
export function quiet(): void {
  localStorage.clear();
  jest.spyOn(console, 'error').mockImplementation(() => undefined);
}

export function settingsFor(server: TusServer): ServerConnection.ISettings {
  return ServerConnection.makeSettings({
    baseUrl: server.baseUrl,
    token: 'secret'
  });
}

/** What each test of an uploader has for itself. */
export interface IBed {
  server: TusServer;
  /** What the browser keeps; it outlives the page. */
  traces: MemoryTraces;
  uploader: Uploader;
  /** An uploader as a page has that is loaded now. */
  open(change?: Partial<Uploader.IOptions>): Uploader;
}

/** Make a server and an uploader anew for each test of a `describe`. */
export function useBed(options: Partial<Uploader.IOptions> = {}): IBed {
  const bed = {
    open: change =>
      new Uploader({
        serverSettings: settingsFor(bed.server),
        timing: QUICK,
        traces: bed.traces,
        ...options,
        ...change
      })
  } as IBed;
  beforeEach(async () => {
    quiet();
    bed.server = new TusServer();
    await bed.server.start();
    bed.traces = new MemoryTraces();
    bed.uploader = bed.open();
  });
  afterEach(async () => {
    bed.uploader.dispose();
    await bed.server.kill();
    jest.restoreAllMocks();
  });
  return bed;
}

/** Bytes that differ everywhere, so that a piece in the wrong place shows. */
export function bytesOf(size: number): Buffer {
  const data = Buffer.alloc(size);
  for (let at = 0; at + 4 <= size; at += 4) {
    data.writeUInt32LE((at * 2654435761) >>> 0, at);
  }
  return data;
}

/** A file; made of jsdom's Blob, since Jest's `File` is Node's, which XMLHttpRequest does not take. */
export function item(relativePath: string, data: Buffer | string): FileItem {
  const name = relativePath.split('/').pop() ?? '';
  const content = typeof data === 'string' ? data : new Uint8Array(data);
  const file = Object.assign(new Blob([content]), {
    name,
    lastModified: 1_700_000_000_123,
    webkitRelativePath: ''
  });
  return new FileItem(file as File, relativePath);
}

/** Counts the requests that are under way at a time. */
export class CountingTransport implements ITransport {
  constructor(transport: ITransport) {
    this._transport = transport;
  }

  /** The most at a time. */
  peak = 0;

  async send(request: IHttpRequest): Promise<IHttpResponse> {
    this._open += 1;
    this.peak = Math.max(this.peak, this._open);
    try {
      return await this._transport.send(request);
    } finally {
      this._open -= 1;
    }
  }

  private _transport: ITransport;
  private _open = 0;
}

/** Wait until `condition` holds; a hang guard ends the test. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) {
    await new Promise(resolve => setTimeout(resolve, 5));
  }
}

/** The states that a batch shows until it ends. */
export async function statesOf(
  uploader: Uploader,
  batch: IUploadBatch
): Promise<string[]> {
  const states: string[] = [];
  const note = () => {
    if (states[states.length - 1] !== batch.state) {
      states.push(batch.state);
    }
  };
  uploader.changed.connect(note);
  await batch.finished;
  note();
  uploader.changed.disconnect(note);
  return states;
}
