import { DocumentManager } from '@jupyterlab/docmanager';
import { DocumentRegistry, TextModelFactory } from '@jupyterlab/docregistry';
import { FileBrowser, FilterFileBrowserModel } from '@jupyterlab/filebrowser';
import { ServiceManagerMock } from '@jupyterlab/services/lib/testutils';
import { Signal } from '@lumino/signaling';
import { Widget } from '@lumino/widgets';
import type { IUploadItem, IUploadOptions } from '../../uploads';
import type { ConflictDefault } from '../../conflict';
import { Format } from '../../format';
import { Intake } from '../../intake';
import { entriesOf, makeDrop } from '../../uploads/__tests__/drops';
import { until } from '../../uploads/__tests__/testbed';
import { attachFileBrowser } from '../attach';

/** Stands for the uploader: remembers what it was given and says when it arrived. */
class FakeUploader {
  readonly batchFinished = new Signal<any, any>(this);
  readonly leftovers = [];
  readonly calls: Array<{ items: IUploadItem[]; options: IUploadOptions }> = [];
  outcome: 'done' | 'skipped' | 'failed' | 'cancelled' = 'done';

  upload(items: IUploadItem[], options: IUploadOptions) {
    this.calls.push({ items, options });
    const error = {
      code: 'x',
      message: 'No.',
      remedy: '',
      retryable: false,
      detail: {}
    };
    const finished = Promise.resolve().then(() => {
      for (const item of items) {
        const path = [options.destination, item.relativePath]
          .filter(Boolean)
          .join('/');
        switch (this.outcome) {
          case 'done':
            options.onFile?.(item, path, null);
            break;
          case 'skipped':
            options.onFile?.(item, null, null);
            break;
          case 'failed':
            options.onFile?.(item, null, error);
        }
      }
    });
    return { finished, error: null, destination: options.destination };
  }
}

// A hang guard, not a limit: the machine may be busy.
jest.setTimeout(60_000);

describe('attachFileBrowser', () => {
  let browser: FileBrowser;
  let uploader: FakeUploader;
  let enabled: boolean;
  let free: number;
  let stock: jest.Mock;

  const attach = (conflict: ConflictDefault = 'rename') => {
    const { contents } = browser.model.manager.services;
    const format = new Format();
    return attachFileBrowser(browser, {
      enabled: () => enabled,
      intake: new Intake({
        uploader: uploader as any,
        contents,
        conflict: () => conflict,
        room: async () => ({
          free_bytes: free,
          reserved_bytes: 0,
          max_upload_size: null
        }),
        digestOf: async () => null,
        format
      }),
      uploader: uploader as any,
      format
    });
  };

  const fire = (type: string, target: Element, data: DataTransfer) => {
    const event = new Event(type, { bubbles: true, cancelable: true });
    Object.assign(event, { dataTransfer: data, clientX: -1, clientY: -1 });
    target.dispatchEvent(event);
    return event;
  };

  /** Long enough for what must not happen. */
  const settle = () => new Promise(resolve => setTimeout(resolve, 100));

  const content = () => browser.node.querySelector('.jp-DirListing-content')!;

  beforeEach(async () => {
    enabled = true;
    free = 1024;
    uploader = new FakeUploader();
    const services = new ServiceManagerMock();
    const registry = new DocumentRegistry({
      textModelFactory: new TextModelFactory()
    });
    const manager = new DocumentManager({
      registry,
      manager: services,
      opener: { open: () => undefined, opened: new Signal({}) } as any
    });
    const folder = await services.contents.newUntitled({ type: 'directory' });
    await services.contents.rename(folder.path, 'sub');
    await services.contents.save('taken.txt', {
      type: 'file',
      format: 'text',
      content: ''
    });
    const model = new FilterFileBrowserModel({ manager, auto: false });
    stock = jest.fn().mockResolvedValue({ path: 'by-stock' });
    model.upload = stock;
    browser = new FileBrowser({ id: 'test', model });
    Widget.attach(browser, document.body);
    await model.cd();
    await until(() => content().querySelector('[data-isdir="true"]') !== null);
  });

  afterEach(() => {
    browser.dispose();
  });

  describe('drop', () => {
    it('uploads what is dropped into the folder that is shown', async () => {
      attach();
      const listing = jest.spyOn(browser['listing'] as any, 'evtNativeDrop');
      const tree = { photos: { 'a.jpg': 'A' }, 'b.txt': 'B' };
      const event = fire('drop', content(), makeDrop(entriesOf(tree)));
      await until(() => uploader.calls.length > 0);
      expect(event.defaultPrevented).toBe(true);
      expect(listing).not.toHaveBeenCalled();
      expect(uploader.calls).toHaveLength(1);
      const [{ items, options }] = uploader.calls;
      expect(items.map(i => i.relativePath)).toEqual(['photos/a.jpg', 'b.txt']);
      expect(options.destination).toBe('');
      expect(options.conflict).toBe('rename');
    });

    it('uploads into the sub folder that is shown', async () => {
      attach();
      await browser.model.cd('sub');
      fire('drop', content(), makeDrop(entriesOf({ a: 'A' })));
      await until(() => uploader.calls.length > 0);
      expect(uploader.calls[0].options.destination).toBe('sub');
    });

    it('uploads into the folder under the pointer, which lights up', async () => {
      attach();
      const row = content().querySelector('[data-isdir="true"]')!;
      const data = makeDrop(entriesOf({ a: 'A' }));
      const listing = browser.node.querySelector('.jp-DirListing')!;
      fire('dragover', content(), data);
      expect(data.dropEffect).toBe('copy');
      expect(listing.classList).toContain('jp-mod-native-drop');
      fire('dragover', row, data);
      expect(listing.classList).not.toContain('jp-mod-native-drop');
      expect(row.classList).toContain('jp-mod-dropTarget');
      fire('drop', row, data);
      expect(row.classList).not.toContain('jp-mod-dropTarget');
      await until(() => uploader.calls.length > 0);
      expect(uploader.calls[0].options.destination).toBe('sub');
    });

    it('goes dark when the drag leaves', () => {
      attach();
      const listing = browser.node.querySelector('.jp-DirListing')!;
      fire('dragenter', content(), makeDrop(entriesOf({ a: 'A' })));
      expect(listing.classList).toContain('jp-mod-native-drop');
      fire('dragleave', content(), makeDrop([]));
      expect(listing.classList).not.toContain('jp-mod-native-drop');
    });

    it('leaves other drags alone', () => {
      attach();
      const data = { items: [], files: [], types: ['text/plain'] } as any;
      expect(fire('dragover', browser.node, data).defaultPrevented).toBe(false);
    });

    it('leaves it to JupyterLab when switched off', async () => {
      attach();
      enabled = false;
      fire('drop', content(), makeDrop(entriesOf({ a: 'A' })));
      await until(() => stock.mock.calls.length > 0);
      expect(uploader.calls).toHaveLength(0);
      expect(stock).toHaveBeenCalledTimes(1);
    });

    it('leaves other drives to JupyterLab', async () => {
      attach();
      const { contents } = browser.model.manager.services;
      jest.spyOn(contents, 'driveName').mockReturnValue('S3');
      fire('drop', content(), makeDrop(entriesOf({ a: 'A' })));
      await until(() => stock.mock.calls.length > 0);
      expect(uploader.calls).toHaveLength(0);
      expect(stock).toHaveBeenCalledTimes(1);
    });

    it('refuses when uploads are not allowed', async () => {
      attach();
      browser.allowFileUploads = false;
      const data = makeDrop(entriesOf({ a: 'A' }));
      const over = fire('dragover', content(), data);
      expect(over.defaultPrevented).toBe(true);
      expect(data.dropEffect).toBe('none');
      fire('drop', content(), data);
      await settle();
      expect(uploader.calls).toHaveLength(0);
      expect(stock).not.toHaveBeenCalled();
    });

    it('sends empty folders, too', async () => {
      attach();
      const drop = makeDrop(entriesOf({ d: { e: { f: {} } } }));
      fire('drop', content(), drop);
      await until(() => uploader.calls.length === 1);
      const [{ items, options }] = uploader.calls;
      expect(items).toEqual([]);
      expect(options.emptyFolders).toEqual(['d/e/f']);
    });
  });

  describe('FileBrowserModel.upload', () => {
    const file = (name: string) => new File(['x'], name);

    it('sends files given in one go as one batch', async () => {
      attach('overwrite');
      const [first, second] = await Promise.all([
        browser.model.upload(file('taken.txt')),
        browser.model.upload(file('new.txt'))
      ]);
      expect(uploader.calls).toHaveLength(1);
      expect(uploader.calls[0].options.conflict).toBe('overwrite');
      expect(first.path).toBe('taken.txt');
      expect(first.type).toBe('file');
      expect(second.path).toBe('new.txt');
      expect(stock).not.toHaveBeenCalled();
    });

    it('sends a file into the folder it is told', async () => {
      attach();
      await browser.model.upload(file('a'), 'sub');
      expect(uploader.calls[0].options.destination).toBe('sub');
    });

    it('resolves with the old file when it was skipped', async () => {
      attach();
      uploader.outcome = 'skipped';
      const model = await browser.model.upload(file('taken.txt'));
      expect(model.path).toBe('taken.txt');
    });

    it('rejects when the file failed', async () => {
      attach();
      uploader.outcome = 'failed';
      await expect(browser.model.upload(file('a'))).rejects.toThrow('No.');
    });

    it('rejects when it was cancelled', async () => {
      attach();
      uploader.outcome = 'cancelled';
      const upload = browser.model.upload(file('a'));
      await expect(upload).rejects.toThrow('cancelled');
    });

    it('rejects with the numbers when there is no room', async () => {
      free = 0;
      attach();
      const upload = browser.model.upload(file('a'));
      await expect(upload).rejects.toThrow(
        /^This needs \d+ bytes?, but \/ has/
      );
      expect(uploader.calls).toEqual([]);
    });

    it('is JupyterLab’s own when switched off, refused or disposed', async () => {
      const attached = attach();
      enabled = false;
      await browser.model.upload(file('a'));
      enabled = true;
      browser.model.allowFileUploads = false;
      await browser.model.upload(file('b'));
      browser.model.allowFileUploads = true;
      attached.dispose();
      expect(browser.model.upload).toBe(stock);
      await browser.model.upload(file('c'), 'sub');
      expect(stock.mock.calls.map(call => call[0].name)).toEqual([
        'a',
        'b',
        'c'
      ]);
      expect(stock.mock.calls[2][1]).toBe('sub');
      expect(uploader.calls).toHaveLength(0);
    });
  });

  it('refreshes once when batches arrive in or above the folder shown', async () => {
    attach();
    await browser.model.cd('sub');
    const refresh = jest.spyOn(browser.model, 'refresh');
    uploader.batchFinished.emit({ destination: '' });
    uploader.batchFinished.emit({ destination: 'sub' });
    uploader.batchFinished.emit({ destination: 'sub2' });
    await new Promise(resolve => setTimeout(resolve, 400));
    expect(refresh).toHaveBeenCalledTimes(1);
    uploader.batchFinished.emit({ destination: 'other' });
    await new Promise(resolve => setTimeout(resolve, 400));
    expect(refresh).toHaveBeenCalledTimes(1);
  });

  it('lets go when the file browser is disposed', () => {
    const attached = attach();
    browser.dispose();
    expect(attached.isDisposed).toBe(true);
  });
});
