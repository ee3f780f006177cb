import { FileSource } from '../filesource';
import { Hasher } from '../hasher';
import { PieceSizer } from '../piecesizer';
import { lanesFor, SegmentedUpload } from '../segmentedupload';
import { DEFAULT_TIMING } from '../timing';
import { TusClient } from '../tusclient';
import type { IUploadContext } from '../upload';
import { Uploader } from '../uploader';
import { Wayfinding } from '../wayfinding';
import { UploadMemory } from '../uploadmemory';
import { UploadWorker } from '../uploadworker';
import { XhrTransport } from '../xhrtransport';
import { bytesOf, CountingTransport, item, QUICK, quiet } from './testbed';
import { settingsFor } from './testbed';
import { MemoryTraces } from './memorytraces';
import { fail, TusServer } from './tusserver';

const MIB = 1024 * 1024;

// A hang guard, not a limit: the machine may be busy.
jest.setTimeout(60_000);

describe('SegmentedUpload', () => {
  let server: TusServer;
  let context: IUploadContext;
  let transport: CountingTransport;
  let acknowledged: number[];
  let checking: boolean[];

  const signal = new AbortController().signal;
  const listener = {
    acknowledged: (delta: number) => void acknowledged.push(delta),
    sent: () => undefined,
    checking: (value: boolean) => void checking.push(value)
  };
  const total = () => acknowledged.reduce((sum, delta) => sum + delta, 0);

  function uploadOf(path: string, data: Buffer): SegmentedUpload {
    const { destination, conflict } = context;
    const { file } = item(path, data);
    const source = new FileSource(file, path, destination, conflict);
    return new SegmentedUpload(source, context);
  }

  function makeContext(conflict: IUploadContext['conflict']): IUploadContext {
    const timing = { ...DEFAULT_TIMING, ...QUICK };
    const settings = settingsFor(server);
    const wayfinding = new Wayfinding(settings.baseUrl);
    transport = new CountingTransport(new XhrTransport(settings, timing));
    return {
      client: new TusClient(settings, transport, wayfinding),
      sizer: new PieceSizer(timing.piece, wayfinding),
      hasher: new Hasher(() => 'never'),
      memory: new UploadMemory(new MemoryTraces(), ''),
      worker: new UploadWorker(() => null),
      timing,
      packs: { areTaken: true },
      destination: 'data',
      conflict
    };
  }

  beforeEach(async () => {
    quiet();
    acknowledged = [];
    checking = [];
    server = new TusServer();
    await server.start();
    context = makeContext('rename');
  });

  afterEach(async () => {
    await server.kill();
    jest.restoreAllMocks();
  });

  it('sends three segments at a time and joins them', async () => {
    const data = bytesOf(5 * MIB + 77);
    const upload = uploadOf('d/a', data);
    expect(upload.isKnown).toBe(false);
    expect(await upload.send(signal, listener, 3)).toBe('data/d/a');
    expect(server.files.get('data/d/a')?.equals(data)).toBe(true);
    expect(transport.peak).toBe(3);
    expect(total()).toBe(data.length);
    expect(checking).toEqual([true, false]);
    const parts = [...server.uploads.values()].filter(u => u.isPartial);
    expect(parts.map(part => part.metadata.start)).toEqual([
      '0',
      String(2 * MIB),
      String(4 * MIB)
    ]);
    expect(new Set(parts.map(part => part.metadata.assembly)).size).toBe(1);
    expect(parts[0].metadata.size).toBe(String(data.length));
  });

  it('goes over one connection where no other is free', async () => {
    const data = bytesOf(5 * MIB);
    const upload = uploadOf('a', data);
    expect(await upload.send(signal, listener, 1)).toBe('data/a');
    expect(server.files.get('data/a')?.equals(data)).toBe(true);
    expect(transport.peak).toBe(1);
  });

  it('goes on after a failure of one segment', async () => {
    const data = bytesOf(5 * MIB);
    const upload = uploadOf('a', data);
    server.cutAfter = MIB;
    await expect(upload.send(signal, listener, 3)).rejects.toMatchObject({
      code: 'connection_lost'
    });
    expect(upload.isKnown).toBe(true);
    expect(server.files.size).toBe(0);
    expect(await upload.send(signal, listener, 3)).toBe('data/a');
    expect(server.files.get('data/a')?.equals(data)).toBe(true);
    expect(total()).toBe(data.length);
  });

  it('joins once, though the answer got lost', async () => {
    const data = bytesOf(5 * MIB);
    const upload = uploadOf('a', data);
    server.fault = (verb, request, response) => {
      const isFinal = String(request.headers['upload-concat']).startsWith('f');
      if (!isFinal) {
        return false;
      }
      server.fault = null;
      response.end = () => {
        request.destroy();
        return response;
      };
    };
    await expect(upload.send(signal, listener, 3)).rejects.toMatchObject({
      code: 'connection_lost'
    });
    expect(server.files.size).toBe(1);
    expect(await upload.send(signal, listener, 3)).toBe('data/a');
    expect(server.files.size).toBe(1);
  });

  it('sends anew what the server forgot before it was joined', async () => {
    const data = bytesOf(5 * MIB);
    const upload = uploadOf('a', data);
    server.fault = (verb, request, response) => {
      if (!String(request.headers['upload-concat']).startsWith('final')) {
        return false;
      }
      server.fault = null;
      server.uploads.clear();
      response.setHeader('Tus-Resumable', '1.0.0');
      fail(response, 404, 'not_found');
      return true;
    };
    await expect(upload.send(signal, listener, 3)).rejects.toMatchObject({
      code: 'not_found'
    });
    expect(await upload.send(signal, listener, 3)).toBe('data/a');
    expect(server.files.get('data/a')?.equals(data)).toBe(true);
  });

  it('skips a file whose name is taken', async () => {
    server.files.set('data/a', Buffer.of(1));
    context = makeContext('skip');
    const upload = uploadOf('a', bytesOf(5 * MIB));
    expect(await upload.send(signal, listener, 3)).toBeNull();
    expect(server.files.get('data/a')?.length).toBe(1);
  });

  it('stops all segments and forgets them', async () => {
    const abort = new AbortController();
    const upload = uploadOf('a', bytesOf(5 * MIB));
    server.fault = verb => {
      if (verb === 'PATCH') {
        abort.abort();
      }
    };
    await expect(upload.send(abort.signal, listener, 3)).rejects.toMatchObject({
      name: 'Stopped'
    });
    await upload.terminate();
    expect(server.uploads.size).toBe(0);
  });

  it('is how the uploader sends large files, over four connections at most', async () => {
    const data = Buffer.alloc(64 * MIB, 7);
    const uploader = new Uploader({
      serverSettings: settingsFor(server),
      transport
    });
    const items = ['a', 'b'].map(name => item(name, data));
    const batch = uploader.upload(items, { destination: '' });
    await batch.finished;
    expect(batch.state).toBe('done');
    expect(server.files.get('a')?.equals(data)).toBe(true);
    expect(server.files.get('b')?.equals(data)).toBe(true);
    expect(transport.peak).toBe(4);
    uploader.dispose();
  });

  it('is not for small files', () => {
    expect(lanesFor(64 * MIB - 1)).toBe(1);
    expect(lanesFor(64 * MIB)).toBe(3);
  });
});
