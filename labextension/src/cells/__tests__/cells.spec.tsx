import type { IRenderMime } from '@jupyterlab/rendermime';
import { nullTranslator } from '@jupyterlab/translation';
import { CommandRegistry } from '@lumino/commands';
import { Signal } from '@lumino/signaling';
import { Panel, Widget } from '@lumino/widgets';

import { batch, job, progress, running } from '../../__tests__/samples';
import { Format } from '../../format';
import { CommandIDs } from '../../ids';
import type { IJob } from '../../job';
import { TransferModel } from '../../model';
import type { IUploadBatch } from '../../uploads/tokens';
import { JobCell } from '../jobcell';
import { JOB_MIME, JOBS_MIME, UPLOAD_MIME } from '../mime';
import { UploadCell } from '../uploadcell';

const ID = 'b'.repeat(32);
const format = new Format(nullTranslator);

class Feed {
  readonly changed = new Signal<any, void>(this);
  jobs = new Map<string, IJob>();
  problem = null;
  refresh = jest.fn(async () => this.changed.emit());

  list(...jobs: IJob[]): void {
    this.jobs = new Map(jobs.map(one => [one.id, one]));
    this.changed.emit();
  }
}

class Uploads {
  readonly changed = new Signal<any, void>(this);
  batches: IUploadBatch[] = [];
  leftovers = [];
  discard = jest.fn();
  remove = jest.fn();
}

function mime(type: string, value: unknown): IRenderMime.IMimeModel {
  return {
    data: { [type]: value as any },
    metadata: {},
    trusted: true,
    setData: () => undefined
  };
}

describe('outputs of cells', () => {
  const feed = new Feed();
  const uploader = new Uploads();
  const api = {} as any;
  const model = new TransferModel({ api, feed: feed as any, uploader });
  const commands = new CommandRegistry();
  const ran = jest.fn();
  let cell: Widget & IRenderMime.IRenderer;

  commands.addCommand(CommandIDs.pause, {
    execute: args => void ran(args.key)
  });

  async function draw(
    made: Widget & IRenderMime.IRenderer,
    value: IRenderMime.IMimeModel
  ): Promise<void> {
    cell = made;
    Widget.attach(cell, document.body);
    await cell.renderModel(value);
    await settle();
  }
  const settle = () => new Promise(resolve => setTimeout(resolve, 30));
  const text = () => cell.node.textContent ?? '';
  const seen = (one: IJob, where = 'server') =>
    mime(JOB_MIME, { where, at: '2026-11-27T17:00:00Z', job: one });

  beforeEach(() => {
    feed.list();
    ran.mockClear();
  });
  afterEach(() => cell.dispose());
  afterAll(() => model.dispose());

  describe('JobCell', () => {
    const make = () => new JobCell({ model, commands, format });

    it('shows the row of the panel, whatever the notebook says', async () => {
      feed.list(running(ID, 50, 100));
      await draw(make(), seen(job(ID)));
      expect(text()).toContain('Copying');
      expect(text()).not.toContain('as it was');
      cell.node.querySelector<HTMLElement>('button')!.click();
      expect(ran).toHaveBeenCalledWith(`job:${ID}`);
      feed.list(job(ID, { state: 'done' }));
      await settle();
      expect(text()).toContain('Done');
      feed.list();
      await settle();
      expect(text()).toContain('Done');
      expect(text()).toContain('Not on the list of this server (any more)');
    });

    it('asks for a job that it does not know, and tells how old this is', async () => {
      feed.refresh.mockClear();
      await draw(make(), seen(running(ID, 50, 100)));
      expect(feed.refresh).toHaveBeenCalled();
      expect(text()).toContain('Not on the list of this server (any more)');
      expect(cell.node.querySelector('.jp-mod-past')).not.toBeNull();
    });

    it('finds a job that the server tells of later', async () => {
      await draw(make(), seen(job(ID)));
      feed.list(running(ID, 1, 2));
      await settle();
      expect(text()).toContain('Copying');
      expect(cell.node.querySelector('.jp-mod-past')).toBeNull();
    });

    it('shows what the kernel moves as the kernel tells it', async () => {
      const done = job(ID, {
        state: 'done',
        progress: progress({ bytes_done: 1024 * 1024 })
      });
      feed.refresh.mockClear();
      await draw(make(), seen(running(ID, 1, 2), 'kernel'));
      await cell.renderModel(seen(done, 'kernel'));
      await settle();
      expect(text()).toContain('1 MB');
      expect(text()).toContain('Moved by the kernel, not by the server.');
      expect(feed.refresh).not.toHaveBeenCalled();
    });

    it('lets the kernel of its notebook act on what that moves', async () => {
      const comm = {
        isDisposed: false,
        subshellStarted: Promise.resolve(),
        onMsg: (_: unknown) => undefined,
        onClose: () => undefined,
        open: jest.fn(() => ({ done: Promise.resolve() })),
        send: jest.fn(() => ({ done: Promise.resolve() })),
        close: jest.fn(() => {
          comm.isDisposed = true;
          return { done: Promise.resolve() };
        })
      };
      const kernel = {
        connectionStatus: 'connected',
        info: Promise.resolve(),
        supportsSubshells: true,
        handleComms: true,
        createComm: jest.fn(() => comm)
      };
      const panel = Object.assign(new Panel(), {
        sessionContext: { session: { kernel } }
      });
      Widget.attach(panel, document.body);
      const made = make();
      await made.renderModel(seen(running(ID, 1, 2), 'kernel'));
      panel.addWidget(made);
      cell = made;
      await settle();
      const buttons = () => cell.node.querySelectorAll<HTMLElement>('button');
      expect(kernel.createComm).toHaveBeenCalledWith('jupyter_transfer');
      expect(comm.open).toHaveBeenCalledWith({ id: ID });
      expect(cell.node.querySelector('.jp-mod-past')).not.toBeNull();
      comm.onMsg({ content: { data: { holds: true } } });
      await settle();
      expect(cell.node.querySelector('.jp-mod-past')).toBeNull();
      expect(text()).toContain('Moved by the kernel, not by the server.');
      const [pause, cancel] = buttons();
      pause.click();
      cancel.click();
      expect(comm.send.mock.calls).toEqual([
        [{ action: 'pause' }],
        [{ action: 'cancel' }]
      ]);
      expect(ran).not.toHaveBeenCalledWith(`job:${ID}`);
      comm.onClose();
      await settle();
      expect(cell.node.querySelector('.jp-mod-past')).not.toBeNull();
      await made.renderModel(seen(job(ID, { state: 'done' }), 'kernel'));
      expect(comm.close).toHaveBeenCalled();
      panel.dispose();
    });

    it('shows many jobs, each as alive as the server lets it be', async () => {
      const other = 'c'.repeat(32);
      const jobs = [job(ID), job(other, { state: 'done' })];
      const at = '2026-11-27T17:00:00Z';
      feed.list(running(ID, 50, 100));
      await draw(make(), mime(JOBS_MIME, { at, jobs, more: 3 }));
      const rows = cell.node.querySelectorAll('.jp-TransfersCell-job');
      expect(rows[0].textContent).toContain('Copying');
      expect(rows[0].textContent).not.toContain('as it was');
      expect(rows[1].textContent).toContain('Not on the list of this server');
      expect(rows[1].classList).toContain('jp-mod-past');
      expect(text()).toContain('And 3 more, which the panel shows.');
      rows[0].querySelector<HTMLElement>('button')!.click();
      expect(ran).toHaveBeenCalledWith(`job:${ID}`);
      feed.list(job(ID, { state: 'done' }), jobs[1]);
      await settle();
      expect(text()).not.toContain('Copying');
      expect(cell.node.querySelector('.jp-mod-past')).toBeNull();
    });

    it('says so when it understands nothing', async () => {
      await draw(make(), mime(JOB_MIME, { job: 7 }));
      expect(text()).toContain('another version');
    });
  });

  describe('UploadCell', () => {
    const drop = jest.fn();
    const place = { uploadsAllowed: true };
    const make = () =>
      new UploadCell({
        ...{ model, commands, format, place },
        intake: { drop, upload: jest.fn() }
      });

    it('takes a drop for its folder, and shows the upload', async () => {
      const data = { types: ['Files'] };
      const started = batch('u1');
      drop.mockResolvedValueOnce(started);
      await draw(make(), mime(UPLOAD_MIME, { folder: 'data' }));
      expect(text()).toContain('They go to data/.');
      const event = new Event('drop', { bubbles: true, cancelable: true });
      Object.assign(event, { dataTransfer: data, relatedTarget: null });
      uploader.batches = [started];
      cell.node.dispatchEvent(event);
      expect(event.defaultPrevented).toBe(true);
      expect(drop).toHaveBeenCalledWith(data, 'data');
      uploader.changed.emit();
      await settle();
      expect(text()).toContain('photos');
    });

    it('is closed where uploads are', async () => {
      place.uploadsAllowed = false;
      await draw(make(), mime(UPLOAD_MIME, { folder: '' }));
      expect(text()).toContain('Files cannot be uploaded here.');
      expect(cell.node.querySelector('button')).toBeNull();
      place.uploadsAllowed = true;
    });
  });
});
