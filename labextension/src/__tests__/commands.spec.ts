import { Clipboard, Notification } from '@jupyterlab/apputils';
import { CommandRegistry } from '@lumino/commands';
import { Signal } from '@lumino/signaling';
import { TransferError } from '../api';
import { addCommands } from '../commands';
import { addExtractCommands, folderFor } from '../extract';
import { Format } from '../format';
import { CommandIDs } from '../ids';
import type { IJob } from '../job';
import { TransferModel } from '../model';
import { addRowCommands } from '../rowcommands';
import { dialogShown, job, press, running, type, Uploads } from './samples';

const SFTP = {
  name: 'sftp',
  title: 'SFTP',
  schemes: ['sftp'],
  options: ['username', 'password'].map(name => ({
    name,
    type: 'text',
    help: name,
    default: null,
    secret: name === 'password',
    choices: [],
    required: false
  }))
};

describe('commands', () => {
  const api = {
    changeJob: jest.fn(async () => job('a')),
    tuneJob: jest.fn(async () => job('a')),
    deleteJob: jest.fn(async () => undefined),
    jobFiles: jest.fn(),
    reportUrl: (id: string) => `/base/jobs/${id}/report`,
    startJob: jest.fn(async () => job('new')),
    probe: jest.fn(),
    dryRun: jest.fn(),
    login: jest.fn(async () => ({ service: 'h', name: '', used: null })),
    backends: jest.fn(async () => [SFTP]),
    dataCube: jest.fn(async (_id: string, _claim?: string) => 'kind: DataCube'),
    archive: jest.fn(async () => ({ url: '/base/archive?id=1' })),
    downloadUrl: (path: string) => `/base/download/${path}`
  };
  const place = {
    folder: 'data',
    selection: [] as any[],
    uploadsAllowed: true,
    served: (path: string) => path,
    reveal: jest.fn(async () => undefined)
  };
  const intake = { goOn: jest.fn(async () => null) };
  const contents = { get: jest.fn(async () => ({ type: 'file' })) };
  let commands: CommandRegistry;
  let feed: any;
  let model: TransferModel;
  let uploads: Uploads;

  function show(...jobs: IJob[]): void {
    feed.jobs = new Map(jobs.map(each => [each.id, each]));
    feed.changed.emit();
  }

  beforeEach(() => {
    jest.clearAllMocks();
    api.jobFiles.mockResolvedValue({
      files: [{ path: 'data/a (1).bin', state: 'done', size: 3 }],
      total: 1
    });
    commands = new CommandRegistry();
    feed = { jobs: new Map(), problem: null, refresh: jest.fn() };
    feed.changed = new Signal(feed);
    uploads = new Uploads();
    model = new TransferModel({
      api: api as any,
      feed,
      uploader: uploads as any
    });
    const context: any = {
      ...{ commands, api, model, place, contents },
      format: new Format(),
      intake,
      conflict: () => 'ask',
      showPanel: jest.fn()
    };
    addCommands(context);
    addExtractCommands(context);
    addRowCommands(context);
  });

  afterEach(() => model.dispose());

  function pressKey(target: HTMLElement, key: string): void {
    const init = { key, bubbles: true, cancelable: true };
    target.dispatchEvent(new KeyboardEvent('keydown', init));
  }

  it('all describe their arguments', async () => {
    for (const id of Object.values(CommandIDs)) {
      const { args } = await commands.describedBy(id);
      expect(args).toMatchObject({ type: 'object' });
    }
  });

  it('extract archives, each into a folder beside it, and offer nothing else', async () => {
    const visible = () => commands.isVisible(CommandIDs.extractHere);
    expect(visible()).toBe(false);
    place.selection = [
      { path: 'data/a.tar.gz', type: 'file' },
      { path: 'b.ZIP', type: 'file' }
    ];
    expect(visible()).toBe(true);
    await commands.execute(CommandIDs.extractHere);
    const kind = 'extract';
    expect(api.startJob).toHaveBeenCalledTimes(2);
    expect(api.startJob).toHaveBeenCalledWith({
      source: 'data/a.tar.gz',
      destination: 'data/a',
      kind
    });
    expect(api.startJob).toHaveBeenCalledWith({
      source: 'b.ZIP',
      destination: 'b',
      kind
    });
    place.selection.push({ path: 'notes.txt', type: 'file' });
    expect(visible()).toBe(false);
    place.selection = [{ path: 'folder.zip', type: 'directory' }];
    expect(visible()).toBe(false);
    place.selection = [];
    expect(folderFor('x/p-1.2.tar.zst')).toBe('x/p-1.2');
    expect(folderFor('x/.zip')).toBe('x/.zip extracted');
  });

  it('extract into the folder that the person names', async () => {
    place.selection = [{ path: 'data/a.zip', type: 'file' }];
    const done = commands.execute(CommandIDs.extractTo);
    const dialog = await dialogShown('input');
    const input = dialog.querySelector('input') as HTMLInputElement;
    expect(input.value).toBe('data/a');
    type(input, '/other/place');
    press(dialog, 'Extract');
    await done;
    expect(api.startJob).toHaveBeenCalledWith({
      source: 'data/a.zip',
      destination: 'other/place',
      kind: 'extract'
    });
    place.selection = [];
  });

  it('act on the row with the focus unless told another', async () => {
    show(running('a', 1, 2), running('b', 1, 2));
    model.currentKey = 'job:b';
    await commands.execute(CommandIDs.pause);
    expect(api.changeJob).toHaveBeenLastCalledWith('b', 'pause');
    await commands.execute(CommandIDs.pause, { key: 'job:a' });
    expect(api.changeJob).toHaveBeenLastCalledWith('a', 'pause');
  });

  it('go on with what an earlier page left by the way in of all uploads', async () => {
    const [left] = (uploads.leftovers = [
      {
        ...{ id: 'x', name: 'a', relativePath: 'd/a', destination: 'data' },
        ...{ conflict: 'rename', size: 9, offset: 5, canReopen: true }
      }
    ]);
    uploads.changed.emit();
    await commands.execute(CommandIDs.retry, { key: 'leftover:x' });
    expect(intake.goOn).toHaveBeenCalledWith(left);
  });

  it('are there only where they make sense', () => {
    show(running('a', 1, 2), job('b', { state: 'failed' }));
    const visible = (id: string, key: string) =>
      commands.isVisible(id, { key });
    expect(visible(CommandIDs.pause, 'job:a')).toBe(true);
    expect(visible(CommandIDs.resume, 'job:a')).toBe(false);
    expect(visible(CommandIDs.remove, 'job:a')).toBe(false);
    expect(visible(CommandIDs.retry, 'job:b')).toBe(true);
    expect(visible(CommandIDs.pause, 'job:gone')).toBe(false);
  });

  it('toggle a pause, and cancel or remove, by one key each', async () => {
    show(
      running('a', 1, 2),
      job('b', { state: 'paused' }),
      job('c', { state: 'done' })
    );
    await commands.execute(CommandIDs.togglePause, { key: 'job:a' });
    await commands.execute(CommandIDs.togglePause, { key: 'job:b' });
    await commands.execute(CommandIDs.cancelOrRemove, { key: 'job:a' });
    await commands.execute(CommandIDs.cancelOrRemove, { key: 'job:c' });
    expect(api.changeJob.mock.calls).toEqual([
      ['a', 'pause'],
      ['b', 'resume'],
      ['a', 'cancel']
    ]);
    expect(api.deleteJob).toHaveBeenCalledWith('c');
  });

  it('ask for the secrets that a job waits for', async () => {
    const reason: any = { code: 'needs_credentials', message: '', detail: {} };
    show(
      job('a', { state: 'waiting', source: 'sftp://host/x.bin', reason }),
      job('b', { state: 'failed', source: 'sftp://host/x.bin', reason })
    );
    const enabled = (key: string) =>
      commands.isEnabled(CommandIDs.authenticate, { key });
    expect([enabled('job:a'), enabled('job:b')]).toEqual([true, false]);

    const done = commands.execute(CommandIDs.authenticate, { key: 'job:a' });
    const dialog = await dialogShown('input');
    const inputs = dialog.querySelectorAll('input');
    expect(Array.from(inputs, input => input.type)).toEqual(['password']);
    type(inputs[0], 'hush');
    press(dialog, 'Go On');
    await done;
    expect(api.changeJob.mock.calls).toEqual([
      ['a', 'resume', { password: 'hush' }]
    ]);
  });

  it('sign in at the end of a copy that wants it, by the names of the job', async () => {
    const sign_in = {
      address: 'hf://o/n',
      backend: 'hub',
      options: { token: 'dest_token' },
      given: {}
    };
    const reason: any = {
      code: 'needs_credentials',
      message: '',
      detail: { sign_in }
    };
    const { options } = SFTP;
    api.backends.mockResolvedValueOnce([
      {
        ...{ name: 'hub', title: 'Hub', schemes: ['hf'] },
        options: [{ ...options[1], name: 'token' }],
        signs_in_by: ['token']
      } as any
    ]);
    show(job('a', { kind: 'copy', state: 'waiting', reason }));
    const done = commands.execute(CommandIDs.authenticate, { key: 'job:a' });
    const dialog = await dialogShown('input');
    type(dialog.querySelector('input')!, 'hush');
    press(dialog, 'Sign In');
    await done;
    expect(api.changeJob.mock.calls).toEqual([
      ['a', 'resume', { dest_token: 'hush' }]
    ]);
  });

  it('ask for the secrets of both ends of a copy', async () => {
    const reason: any = { code: 'needs_credentials', message: '', detail: {} };
    show(
      job('a', {
        kind: 'copy',
        state: 'waiting',
        source: 'sftp://one/x.bin',
        destination: 'sftp://two/',
        reason
      })
    );
    const done = commands.execute(CommandIDs.authenticate, { key: 'job:a' });
    const dialog = await dialogShown('input');
    const labels = [...dialog.querySelectorAll('label')];
    expect(labels.map(label => label.textContent)).toEqual([
      'Password',
      'Password (destination)'
    ]);
    type(dialog.querySelectorAll('input')[1], 'hush');
    press(dialog, 'Go On');
    await done;
    expect(api.changeJob.mock.calls).toEqual([
      ['a', 'resume', { dest_password: 'hush' }]
    ]);
  });

  describe('a plan to decide about', () => {
    const reason: any = {
      code: 'needs_decision',
      message: 'm',
      remedy: 'r',
      retryable: false,
      detail: { kind: 'plan', copy: 3, replace: 1, delete: 2, bytes: 4096 }
    };
    const review = async () => {
      show(job('a', { kind: 'sync', state: 'waiting', reason }));
      const done = commands.execute(CommandIDs.review, { key: 'job:a' });
      return { done, dialog: await dialogShown('[role=option]') };
    };

    it('is looked at before anybody can say yes', async () => {
      show(job('a', { kind: 'sync', state: 'waiting', reason }));
      const at = { key: 'job:a' };
      expect(commands.isEnabled(CommandIDs.review, at)).toBe(true);
      expect(commands.isEnabled(CommandIDs.approve, at)).toBe(false);
      const { done, dialog } = await review();
      expect(dialog.textContent).toContain(
        '2 files would be deleted, 1 replaced, 3 copied (4 kB)'
      );
      expect(api.jobFiles).toHaveBeenCalledWith(
        'a',
        expect.objectContaining({ state: 'planned', offset: 0 })
      );
      press(dialog, 'Delete 2 Files and Go On');
      await done;
      expect(api.changeJob.mock.calls).toEqual([['a', 'approve']]);
    });

    it('is not answered by Enter on its list', async () => {
      const { done, dialog } = await review();
      const list = dialog.querySelector<HTMLElement>('[role=listbox]')!;
      expect(document.activeElement).toBe(list);
      pressKey(list, 'Enter');
      await new Promise(resolve => setTimeout(resolve, 20));
      expect(document.body.contains(dialog)).toBe(true);
      pressKey(list, 'Escape');
      await done;
      expect(api.changeJob).not.toHaveBeenCalled();
    });

    it('can be refused, or left for later', async () => {
      const later = await review();
      press(later.dialog, 'Not Now');
      await later.done;
      expect(api.changeJob).not.toHaveBeenCalled();
      const never = await review();
      press(never.dialog, 'Cancel the Transfer');
      await never.done;
      expect(api.changeJob.mock.calls).toEqual([['a', 'cancel']]);
    });
  });

  it('show the files of a job, and its report', async () => {
    show(job('a', { state: 'done' }));
    const done = commands.execute(CommandIDs.showFiles, { key: 'job:a' });
    const dialog = await dialogShown('[role=option]');
    expect(dialog.querySelector('[role=option]')!.textContent).toContain(
      'not verifiable'
    );
    expect(dialog.querySelector('a')!.getAttribute('href')).toBe(
      '/base/jobs/a/report'
    );
    press(dialog, 'Close');
    await done;
  });

  it('open a file of a job by Enter, and close its list', async () => {
    const opened = jest.fn();
    commands.addCommand('docmanager:open', { execute: opened });
    show(job('a', { state: 'done' }));
    const done = commands.execute(CommandIDs.showFiles, { key: 'job:a' });
    const dialog = await dialogShown('[role=option]');
    pressKey(dialog.querySelector('select')!, 'Enter');
    pressKey(dialog.querySelector('a')!, 'Enter');
    expect(opened).not.toHaveBeenCalled();
    pressKey(dialog.querySelector('[role=listbox]')!, 'Enter');
    await done;
    expect(opened.mock.calls).toEqual([[{ path: 'data/a (1).bin' }]]);
  });

  it.each([
    { path: 's3://b/a', state: 'done' },
    { path: 'a', state: 'failed' },
    { path: 'a', state: 'done', action: 'delete' }
  ])('open no file that is not here: %j', async file => {
    const opened = jest.fn();
    commands.addCommand('docmanager:open', { execute: opened });
    api.jobFiles.mockResolvedValue({
      files: [{ size: 3, ...file }],
      total: 1
    });
    show(job('a', { state: 'done' }));
    const done = commands.execute(CommandIDs.showFiles, { key: 'job:a' });
    const dialog = await dialogShown('[role=option]');
    pressKey(dialog.querySelector('[role=listbox]')!, 'Enter');
    await new Promise(resolve => setTimeout(resolve, 20));
    expect(document.body.contains(dialog)).toBe(true);
    press(dialog, 'Close');
    await done;
    expect(opened).not.toHaveBeenCalled();
  });

  describe('export a job as a DataCube', () => {
    const saved: string[] = [];
    const atA = { key: 'job:a' };
    beforeEach(() => {
      saved.length = 0;
      URL.createObjectURL = jest.fn(() => 'blob:x');
      URL.revokeObjectURL = jest.fn();
      jest
        .spyOn(HTMLAnchorElement.prototype, 'click')
        .mockImplementation(function (this: HTMLAnchorElement) {
          saved.push(this.download);
        });
      show(job('a'), job('b', { kind: 'extract' }));
    });
    afterEach(() => jest.restoreAllMocks());

    it('by a file that is saved', async () => {
      await commands.execute(CommandIDs.exportDataCube, atA);
      expect(saved).toEqual(['transfer-a.yaml']);
      const visible = (key: string) =>
        commands.isVisible(CommandIDs.exportDataCube, { key });
      expect([visible('job:a'), visible('job:b')]).toEqual([true, false]);
    });

    it('or say why it cannot be one', async () => {
      api.dataCube.mockRejectedValueOnce(
        new TransferError({
          code: 'bad_request',
          message: 'The option “trash” cannot be written as a DataCube.'
        })
      );
      const done = commands.execute(CommandIDs.exportDataCube, atA);
      const dialog = await dialogShown('.jp-Dialog-body');
      expect(dialog.textContent).toContain('trash');
      dialog.querySelector<HTMLElement>('.jp-Dialog-button')!.click();
      await done;
      expect(saved).toEqual([]);
    });

    it('and ask for the claim where none is known', async () => {
      api.dataCube.mockRejectedValueOnce(
        new TransferError({ code: 'bad_request', detail: { claim: '' } })
      );
      const done = commands.execute(CommandIDs.exportDataCube, atA);
      const dialog = await dialogShown('input');
      type(dialog.querySelector('input')!, ' demo');
      press(dialog, 'Ok');
      await done;
      expect(api.dataCube).toHaveBeenLastCalledWith('a', 'demo');
      expect(saved).toEqual(['transfer-a.yaml']);
    });
  });

  it('begin with the YAML file that is selected', async () => {
    place.selection = [{ path: 'data/a.txt' }, { path: 'data/x.yml' }];
    const done = commands.execute(CommandIDs.fromFile);
    const dialog = await dialogShown('input');
    expect(dialog.querySelector('input')!.value).toBe('data/x.yml');
    press(dialog, 'Cancel');
    await done;
    place.selection = [];
  });

  it('limit the speed, and let a job go first', async () => {
    show(
      job('a', { priority: 3 }),
      job('b', { options: { bandwidth: 5000 } }),
      job('c', { state: 'done' })
    );
    const done = commands.execute(CommandIDs.limitSpeed, { key: 'job:b' });
    const dialog = await dialogShown('input');
    expect(dialog.querySelector('input')!.value).toBe('5000');
    type(dialog.querySelector('input')!, ' 5M');
    press(dialog, 'Ok');
    await done;
    await commands.execute(CommandIDs.doFirst, { key: 'job:b' });
    expect(api.tuneJob.mock.calls).toEqual([
      ['b', { bandwidth: '5M' }],
      ['b', { priority: 4 }]
    ]);
    const over = { key: 'job:c' };
    expect(commands.isEnabled(CommandIDs.limitSpeed, over)).toBe(false);
  });

  it('lead to what lies on this server, and nowhere else', async () => {
    show(
      job('a', { kind: 'send', source: 'data/a.csv', destination: 's3://b/' }),
      job('b', { kind: 'copy', destination: 's3://b/' })
    );
    const enabled = (key: string) =>
      commands.isEnabled(CommandIDs.reveal, { key });
    expect([enabled('job:a'), enabled('job:b')]).toEqual([true, false]);
    await commands.execute(CommandIDs.reveal, { key: 'job:a' });
    expect(place.reveal).toHaveBeenLastCalledWith('data/a.csv');
  });

  it('show a failed act', async () => {
    const shown = jest.spyOn(Notification, 'error').mockReturnValue('id');
    show(running('a', 1, 2));
    api.changeJob.mockRejectedValueOnce(
      new TransferError({
        code: 'conflict',
        message: 'It is done.',
        remedy: 'Look.'
      })
    );
    await commands.execute(CommandIDs.pause, { key: 'job:a' });
    expect(shown).toHaveBeenCalledWith('It is done. Look.');
  });

  it('open and copy what really arrived', async () => {
    const opened = jest.fn();
    commands.addCommand('docmanager:open', { execute: opened });
    const copied = jest
      .spyOn(Clipboard, 'copyToSystem')
      .mockImplementation(() => undefined);
    show(job('a', { state: 'done' }));
    await commands.execute(CommandIDs.open, { key: 'job:a' });
    expect(opened).toHaveBeenCalledWith({ path: 'data/a (1).bin' });
    await commands.execute(CommandIDs.reveal, { key: 'job:a' });
    expect(place.reveal).toHaveBeenCalledWith('data/a (1).bin');
    await commands.execute(CommandIDs.copyPath, { key: 'job:a' });
    expect(copied).toHaveBeenCalledWith('data/a (1).bin');
  });

  it('pause or resume all by one button', async () => {
    show(running('a', 1, 2), job('b', { state: 'paused' }));
    expect(commands.label(CommandIDs.togglePauseAll)).toBe(
      'Pause All Transfers'
    );
    await commands.execute(CommandIDs.togglePauseAll);
    expect(api.changeJob.mock.calls).toEqual([['a', 'pause']]);
    show(job('a', { state: 'paused' }), job('b', { state: 'paused' }));
    expect(commands.label(CommandIDs.togglePauseAll)).toBe(
      'Resume All Transfers'
    );
    show();
    expect(commands.isEnabled(CommandIDs.togglePauseAll)).toBe(false);
  });

  describe('download', () => {
    const file = { path: 'a.csv', type: 'file' };
    const folder = { path: 'data', type: 'directory' };
    let followed: string[];

    beforeEach(() => {
      followed = [];
      jest
        .spyOn(HTMLAnchorElement.prototype, 'click')
        .mockImplementation(function (this: HTMLAnchorElement) {
          followed.push(new URL(this.href).pathname);
        });
    });

    it('is offered for folders and for more than one, not for a file', () => {
      const visible = (...selection: any[]) => {
        place.selection = selection;
        return commands.isVisible(CommandIDs.download);
      };
      expect(visible(file)).toBe(false);
      expect(visible(folder)).toBe(true);
      expect(visible(file, file)).toBe(true);
      expect(visible()).toBe(false);
    });

    it('makes one archive and follows its address as it is', async () => {
      place.selection = [file, folder];
      await commands.execute(CommandIDs.download);
      expect(api.archive).toHaveBeenCalledWith(['a.csv', 'data']);
      expect(followed).toEqual(['/base/archive']);
      expect(document.querySelector('a[download]')).toBeNull();
    });

    it('links to a plain file as it is', async () => {
      place.selection = [file];
      await commands.execute(CommandIDs.download);
      expect(api.archive).not.toHaveBeenCalled();
      expect(followed).toEqual(['/base/download/a.csv']);
    });
  });
});
