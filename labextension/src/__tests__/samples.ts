/** Jobs, batches and rows for tests. */

import { Signal } from '@lumino/signaling';
import type { IJob, IJobProgress } from '../job';
import type { ITransfer } from '../transfer';
import { fromJob } from '../jobrow';
import type { ILeftover, ITransferErrorData, IUploadBatch } from '../uploads';
import { FileItem } from '../uploads';

export function progress(change: Partial<IJobProgress> = {}): IJobProgress {
  return {
    bytes_done: 0,
    bytes_total: null,
    files_done: 0,
    files_total: 1,
    files_failed: 0,
    rate: null,
    eta: null,
    ...change
  };
}

export function job(id: string, change: Partial<IJob> = {}): IJob {
  return {
    id,
    kind: 'fetch',
    source: `https://example.org/${id}.bin`,
    destination: 'data/',
    state: 'queued',
    priority: 0,
    reason: null,
    progress: progress(),
    verified: null,
    owner: 'owner',
    created: '2026-01-01T00:00:00.000Z',
    started: null,
    finished: null,
    revision: 1,
    ...change
  };
}

export function running(id: string, done: number, total: number): IJob {
  return job(id, {
    state: 'running',
    progress: progress({ bytes_done: done, bytes_total: total })
  });
}

export function transfer(change: Partial<ITransfer> = {}): ITransfer {
  return { ...fromJob(job('a'), null), ...change };
}

export function batch(id: string, change: Partial<IUploadBatch> = {}) {
  return {
    id,
    name: 'photos',
    destination: 'data',
    state: 'running',
    filesDone: 0,
    filesTotal: 2,
    filesFailed: 0,
    filesSkipped: 0,
    bytesDone: 0,
    bytesTotal: 100,
    error: null,
    retryAt: null,
    attempt: 0,
    rate: 0,
    results: [],
    renamed: [],
    failures: [],
    pause: jest.fn(),
    resume: jest.fn(),
    cancel: jest.fn(() => Promise.resolve()),
    retry: jest.fn(),
    finished: new Promise<void>(() => undefined),
    fileFinished: jest.fn(),
    ...change
  } as unknown as jest.Mocked<IUploadBatch>;
}

export function failure(
  code: string,
  change: Partial<ITransferErrorData> = {}
): ITransferErrorData {
  return {
    code,
    message: '',
    remedy: '',
    retryable: false,
    detail: {},
    ...change
  };
}

/** A file of three bytes. */
export function item(relativePath: string) {
  const name = relativePath.split('/').pop()!;
  return new FileItem(new File(['abc'], name), relativePath);
}

/** Contents that hold these paths; a path that ends in `/` is a folder. */
export function contentsOf(...paths: string[]) {
  return {
    get: jest.fn(async (folder: string) => {
      const prefix = folder ? `${folder}/` : '';
      if (folder && !paths.includes(prefix)) {
        throw Object.assign(new Error('404'), { response: { status: 404 } });
      }
      const content = paths
        .filter(path => path.startsWith(prefix) && path !== prefix)
        .map(path => path.slice(prefix.length))
        .filter(path => /^[^/]+\/?$/.test(path))
        .map(path => ({
          name: path.replace('/', ''),
          type: path.endsWith('/') ? 'directory' : 'file',
          size: 7,
          last_modified: '2026-01-01T00:00:00Z'
        }));
      return { content } as any;
    }),
    localPath: (path: string) => path.replace(/^RTC:/, '')
  };
}

/** An uploader that does what the test says. */
export class Uploads {
  batches: IUploadBatch[] = [];
  leftovers: ILeftover[] = [];
  readonly changed = new Signal<any, void>(this);
  readonly discard = jest.fn(() => Promise.resolve());
  readonly remove = jest.fn((id: string) => {
    this.batches = this.batches.filter(each => each.id !== id);
    this.changed.emit();
  });
}

/** Let promises that are settled already take effect. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) {
    await Promise.resolve();
  }
}

/** The dialog that is open, once it shows what `selector` finds. */
export async function dialogShown(selector: string): Promise<HTMLElement> {
  const end = Date.now() + 5000;
  while (Date.now() < end) {
    const dialog = document.querySelector<HTMLElement>('.jp-Dialog');
    const title = dialog?.querySelector('.jp-Dialog-header')?.textContent;
    if (dialog && title && dialog.querySelector(selector)) {
      return dialog;
    }
    await new Promise(resolve => setTimeout(resolve, 10));
  }
  throw new Error('no dialog');
}

/** Press the button of a dialog that has this label. */
export function press(dialog: HTMLElement, label: string): void {
  Array.from(dialog.querySelectorAll<HTMLElement>('.jp-Dialog-button'))
    .find(each => each.textContent === label)!
    .click();
}

/** Type a text into a field of a form. */
export function type(field: HTMLInputElement, text: string): void {
  const { set } = Object.getOwnPropertyDescriptor(
    Object.getPrototypeOf(field),
    'value'
  )!;
  set!.call(field, text);
  const name = field.matches('select') ? 'change' : 'input';
  field.dispatchEvent(new Event(name, { bubbles: true }));
}
