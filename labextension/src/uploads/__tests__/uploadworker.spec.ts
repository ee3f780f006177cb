import { composeTar } from '../tarpiece';
import type { IWorkerPort } from '../uploadworker';
import { UploadWorker } from '../uploadworker';
import { item } from './testbed';

const FILES = ['one', 'two', 'three'];

const piece = {
  paths: FILES.map(name => `d/${name}`),
  files: FILES.map(name => item(name, name).file),
  from: 0,
  length: 4000
};

/** A worker that answers as ours does, when it is told to. */
class Port implements IWorkerPort {
  onmessage: IWorkerPort['onmessage'] = null;
  onerror: IWorkerPort['onerror'] = null;
  readonly asked: any[] = [];
  isEnded = false;

  postMessage(message: unknown): void {
    this.asked.push(message);
  }

  terminate(): void {
    this.isEnded = true;
  }

  answer(at: number): void {
    const { id, compose } = this.asked[at];
    const data = { id, result: composeTar(compose) };
    this.onmessage!.call(this as any, { data } as MessageEvent);
  }
}

function sizesOf(blobs: Promise<Blob>[]): Promise<number[]> {
  return Promise.all(blobs.map(async blob => (await blob).size));
}

describe('UploadWorker', () => {
  it('gives each answer to who asked for it', async () => {
    const port = new Port();
    const worker = new UploadWorker(() => port);
    const blobs = [
      worker.compose(piece),
      worker.compose({ ...piece, length: 100 })
    ];
    port.answer(1);
    port.answer(0);
    expect(await sizesOf(blobs)).toEqual([4000, 100]);
  });

  it('starts one thread, and that when there is work', async () => {
    const port = new Port();
    const spawn = jest.fn(() => port);
    const worker = new UploadWorker(spawn);
    expect(spawn).not.toHaveBeenCalled();
    void worker.compose(piece);
    void worker.compose(piece);
    expect(spawn).toHaveBeenCalledTimes(1);
    worker.dispose();
    expect(port.isEnded).toBe(true);
  });

  it.each([
    ['is none', () => null],
    [
      'does not load',
      () => {
        const port = new Port();
        setTimeout(() => port.onerror!.call(port as any, {} as ErrorEvent));
        return port;
      }
    ]
  ])('does the work here where the thread %s', async (_, spawn) => {
    const worker = new UploadWorker(spawn);
    expect((await worker.compose(piece)).size).toBe(4000);
    expect((await worker.compose(piece)).size).toBe(4000);
  });

  it('tells a digest, none, and that a file cannot be read', async () => {
    const port = new Port();
    const worker = new UploadWorker(() => port);
    const sum = new ArrayBuffer(32);
    const digests = ['a', 'b'].map(text => worker.sha256(new Blob([text])));
    [sum, null].forEach((result, id) =>
      port.onmessage!.call(port as any, { data: { id, result } } as any)
    );
    expect(await digests[0]).toBe(sum);
    await expect(digests[1]).rejects.toThrow('cannot be read');
    worker.dispose();
    expect(await worker.sha256(new Blob(['c']))).toBeNull();
  });

  it('has files opened, and tells that nobody does', async () => {
    const port = new Port();
    const worker = new UploadWorker(() => port);
    const toOpen = { folder: { name: 'd' } as any, names: ['a', 'b'] };
    const opened = worker.open(toOpen);
    expect(port.asked[0].open).toBe(toOpen);
    const result = [new File(['A'], 'a'), null];
    port.onmessage!.call(port as any, { data: { id: 0, result } } as any);
    expect(await opened).toBe(result);
    worker.dispose();
    expect(await worker.open(toOpen)).toBeNull();
  });

  it('does without the thread for what cannot be handed over', async () => {
    const port = new Port();
    port.postMessage = () => {
      throw new DOMException('no', 'DataCloneError');
    };
    const worker = new UploadWorker(() => port);
    expect(await worker.open({ folder: {} as any, names: ['a'] })).toBeNull();
    expect((await worker.compose(piece)).size).toBe(4000);
  });

  it('leaves nobody waiting when it ends', async () => {
    const worker = new UploadWorker(() => new Port());
    const blob = worker.compose(piece);
    worker.dispose();
    expect((await blob).size).toBe(4000);
  });
});
