import { TransferError } from '../api';
import { Format } from '../format';
import { askFile } from '../fromfile';
import type { IFileRequest, IPlannedTransfer } from '../job';
import { JobFile } from '../jobfile';
import { dialogShown, failure, press, type } from './samples';

function planned(change: Partial<IPlannedTransfer> = {}): IPlannedTransfer {
  return {
    name: 'down',
    form: 'DataCube',
    claim: 'demo',
    folder: 'claims/demo',
    ignored: [],
    missing: [],
    job: {
      kind: 'fetch',
      source: 's3://bucket/set/',
      destination: 'claims/demo/data/',
      options: {}
    },
    error: null,
    ...change
  };
}

const NO_CLAIM = failure('bad_request', {
  message: 'Nobody says which folder the claim “demo” is.',
  detail: { claim: 'demo' }
});

describe('a file of transfers', () => {
  let answers: (request: IFileRequest) => IPlannedTransfer[];
  const api = {
    planFile: jest.fn(async (request: IFileRequest) => answers(request)),
    applyFile: jest.fn(async (_: IFileRequest) => [])
  };
  const contents = {
    get: jest.fn(async (path: string) => {
      if (path !== 'jobs/x.yaml') {
        throw new Error('404');
      }
      return { content: 'kind: DataCube' } as any;
    })
  };

  beforeEach(() => {
    jest.clearAllMocks();
    answers = () => [planned()];
  });

  describe('as the server sees it', () => {
    let file: JobFile;
    const read = (text: string) => async () => text;

    beforeEach(() => {
      file = new JobFile(api);
    });
    afterEach(() => file.dispose());

    it('is looked at, and started as it was looked at', async () => {
      await file.load(read('a: b'));
      expect(file.isReady).toBe(true);
      await file.start();
      const request = { text: 'a: b', claims: {}, secrets: {} };
      expect(api.planFile).toHaveBeenCalledWith(request);
      expect(api.applyFile).toHaveBeenCalledWith(request);
    });

    it('is not ready while one of its transfers is wrong', async () => {
      const error = failure('invalid_path');
      answers = () => [planned(), planned({ job: null, error })];
      await file.load(read('a: b'));
      expect(file.isReady).toBe(false);
    });

    it('asks for claims and values, and keeps asking for them', async () => {
      const path = 'secret/s3-env/key';
      answers = ({ claims, secrets }) => [
        planned({
          missing: secrets[path] ? [] : [path],
          error: 'demo' in claims ? null : NO_CLAIM
        })
      ];
      await file.load(read('a: b'));
      expect([file.claims, file.missing]).toEqual([['demo'], [path]]);
      jest.useFakeTimers();
      file.setFolder('demo', '/claims/demo/ ');
      file.setValue(path, 'very-secret');
      expect(api.planFile).toHaveBeenCalledTimes(1);
      await jest.advanceTimersByTimeAsync(1000);
      jest.useRealTimers();
      expect(api.planFile).toHaveBeenLastCalledWith({
        text: 'a: b',
        claims: { demo: 'claims/demo' },
        secrets: { [path]: 'very-secret' }
      });
      expect(file.isReady).toBe(true);
      expect([file.claims, file.missing]).toEqual([['demo'], [path]]);
    });

    it('gives nothing that was entered for one file to another', async () => {
      answers = () => [planned({ missing: ['secret/a/b'], error: NO_CLAIM })];
      await file.load(read('a: b'));
      file.setValue('secret/a/b', 'very-secret');
      file.setFolder('demo', 'x');
      answers = () => [planned()];
      await file.load(read('c: d'));
      expect(api.planFile).toHaveBeenLastCalledWith({
        text: 'c: d',
        claims: {},
        secrets: {}
      });
      expect([file.claims, file.missing]).toEqual([[], []]);
    });

    it('is the last one that was taken, whichever is read first', async () => {
      let late = (_: string) => {};
      const first = file.load(
        () => new Promise<string>(resolve => (late = resolve))
      );
      await file.load(read('second: 2'));
      late('first: 1');
      await first;
      await file.start();
      expect(api.applyFile.mock.calls[0][0].text).toBe('second: 2');
    });

    it('says why it is none', async () => {
      api.planFile.mockRejectedValueOnce(
        new TransferError({ code: 'bad_request', message: 'This is no YAML.' })
      );
      await file.load(read('{'));
      expect(file.result).toMatchObject({ state: 'failed' });
      expect(file.isReady).toBe(false);
    });
  });

  describe('in the dialog', () => {
    const ask = (path: string, format = new Format()) =>
      askFile({ api, contents, format, path, suggestions: ['jobs/x.yaml'] });
    const accept = (dialog: HTMLElement) =>
      dialog.querySelector<HTMLButtonElement>('.jp-mod-accept')!;
    const until = async (condition: () => boolean) => {
      for (const end = Date.now() + 5000; !condition();) {
        expect(Date.now()).toBeLessThan(end);
        await new Promise(resolve => setTimeout(resolve, 10));
      }
    };

    it('is shown with what is ignored, and started', async () => {
      answers = () => [
        planned({ ignored: ['resources'] }),
        planned({ name: 'second' })
      ];
      const started = ask('jobs/x.yaml');
      const dialog = await dialogShown('.jp-TransfersFile-list');
      expect(dialog.textContent).toContain('2 transfers');
      expect(dialog.textContent).toContain('s3://bucket/set/');
      expect(dialog.textContent).toContain('“resources” is ignored');
      await until(() => !accept(dialog).disabled);
      press(dialog, 'Start');
      expect(await started).toBe(true);
      expect(api.applyFile.mock.calls[0][0].text).toBe('kind: DataCube');
    });

    it('waits for the folder of a claim', async () => {
      answers = ({ claims }) =>
        'demo' in claims
          ? [planned()]
          : [planned({ job: null, error: NO_CLAIM })];
      const started = ask('jobs/x.yaml');
      const dialog = await dialogShown('[role=alert]');
      expect(dialog.textContent).toContain('Which folder is the claim demo?');
      await until(() => accept(dialog).disabled);
      const fields = dialog.querySelectorAll('input');
      type(fields[1], 'here');
      await until(() => !accept(dialog).disabled);
      press(dialog, 'Start');
      expect(await started).toBe(true);
      expect(api.applyFile.mock.calls[0][0].claims).toEqual({ demo: 'here' });
    });

    it('shows what is secret as dots', async () => {
      answers = () => [planned({ missing: ['secret/s3-env/key'] })];
      const started = ask('jobs/x.yaml');
      const dialog = await dialogShown('input[type=password]');
      expect(dialog.textContent).toContain('key of the secret s3-env');
      press(dialog, 'Cancel');
      expect(await started).toBe(false);
    });

    it('is chosen by its path', async () => {
      const started = ask('');
      const dialog = await dialogShown('input');
      expect(dialog.querySelector('input')!.required).toBe(true);
      expect(dialog.querySelector('option')!.value).toBe('jobs/x.yaml');
      type(dialog.querySelector('input')!, 'jobs/nothing.yaml');
      await until(() => dialog.querySelector('[role=alert]') !== null);
      expect(dialog.textContent).toContain('nothing.yaml cannot be read.');
      type(dialog.querySelector('input')!, 'jobs/x.yaml');
      await until(() => !accept(dialog).disabled);
      press(dialog, 'Cancel');
      expect(await started).toBe(false);
    });

    it('stays open where the server refuses it', async () => {
      api.applyFile.mockRejectedValueOnce(
        new TransferError({ code: 'forbidden', message: 'You may not.' })
      );
      const started = ask('jobs/x.yaml');
      const dialog = await dialogShown('.jp-TransfersFile-list');
      await until(() => !accept(dialog).disabled);
      press(dialog, 'Start');
      await until(() => dialog.querySelector('[role=alert]') !== null);
      expect(dialog.textContent).toContain('You may not.');
      press(dialog, 'Cancel');
      expect(await started).toBe(false);
    });
  });
});
