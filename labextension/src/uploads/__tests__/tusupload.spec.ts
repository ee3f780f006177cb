import { FileSource } from '../filesource';
import { Hasher } from '../hasher';
import { PieceSizer } from '../piecesizer';
import { DEFAULT_TIMING } from '../timing';
import { TusClient } from '../tusclient';
import type { IUploadContext } from '../upload';
import { TusUpload } from '../tusupload';
import { Wayfinding } from '../wayfinding';
import { UploadMemory } from '../uploadmemory';
import { UploadWorker } from '../uploadworker';
import { XhrTransport } from '../xhrtransport';
import { bytesOf, item, QUICK, quiet, settingsFor } from './testbed';
import { MemoryTraces } from './memorytraces';
import { fail, TusServer } from './tusserver';

const KIB = 1024;
const MIB = 1024 * KIB;

// A hang guard, not a limit: the machine may be busy.
jest.setTimeout(60_000);

describe('TusUpload', () => {
  let server: TusServer;
  let context: IUploadContext;
  let acknowledged: number[];

  const signal = new AbortController().signal;
  const listener = {
    acknowledged: (delta: number) => void acknowledged.push(delta),
    sent: () => undefined,
    checking: () => undefined
  };
  const uploadOf = (path: string, data: Buffer | string) => {
    const { file } = item(path, data);
    const source = new FileSource(file, path, '', context.conflict);
    return new TusUpload(source, context);
  };
  const total = () => acknowledged.reduce((sum, delta) => sum + delta, 0);

  beforeEach(async () => {
    quiet();
    acknowledged = [];
    server = new TusServer();
    await server.start();
    const timing = { ...DEFAULT_TIMING, ...QUICK };
    const settings = settingsFor(server);
    const wayfinding = new Wayfinding(settings.baseUrl);
    context = {
      client: new TusClient(
        settings,
        new XhrTransport(settings, timing),
        wayfinding
      ),
      sizer: new PieceSizer(timing.piece, wayfinding),
      hasher: new Hasher(() => 'never'),
      memory: new UploadMemory(new MemoryTraces(), ''),
      worker: new UploadWorker(() => null),
      timing,
      packs: { areTaken: true },
      destination: '',
      conflict: 'rename'
    };
  });

  afterEach(async () => {
    await server.kill();
    jest.restoreAllMocks();
  });

  it('does not believe an offset that does not fit what was sent', async () => {
    const data = bytesOf(2 * MIB);
    server.fault = (verb, request, response, upload) => {
      if (verb !== 'PATCH') {
        return false;
      }
      server.fault = null;
      request.resume();
      request.on('end', () => {
        response.setHeader('Tus-Resumable', '1.0.0');
        response.setHeader('Upload-Offset', data.length);
        response.writeHead(204).end();
      });
      return true;
    };
    const upload = uploadOf('a', data);
    expect(await upload.send(signal, listener)).toBe('a');
    expect(server.count('HEAD')).toBe(1);
    expect(server.files.get('a')?.equals(data)).toBe(true);
    expect(Math.min(...acknowledged)).toBeGreaterThan(0);
  });

  it('refuses an offset beyond the end', async () => {
    server.fault = (verb, request, response) => {
      if (verb !== 'HEAD') {
        return false;
      }
      response.setHeader('Tus-Resumable', '1.0.0');
      response.setHeader('Upload-Offset', 10 * MIB);
      response.writeHead(200).end();
      return true;
    };
    server.cutAfter = 700 * KIB;
    const upload = uploadOf('a', bytesOf(2 * MIB));
    const broken = upload.send(signal, listener);
    await expect(broken).rejects.toMatchObject({ code: 'connection_lost' });
    const lied = upload.send(signal, listener);
    await expect(lied).rejects.toMatchObject({ code: 'protocol' });
    expect(upload.offset).toBeLessThan(MIB);
  });

  it('goes on from the offset that a 409 states', async () => {
    const data = bytesOf(2 * MIB);
    server.fault = (verb, request, response, upload) => {
      if (verb === 'PATCH' && upload && upload.data.length > 0) {
        // What another request of ours, thought dead, brought after all.
        server.fault = null;
        upload.data = data.subarray(0, upload.data.length + 1000);
      }
    };
    const upload = uploadOf('a', data);
    await upload.send(signal, listener);
    expect(server.count('HEAD')).toBe(0);
    expect(server.files.get('a')?.equals(data)).toBe(true);
    expect(total()).toBe(data.length);
  });

  it('does not take every 409 for one about the offset', async () => {
    const data = bytesOf(MIB);
    server.fault = (verb, request, response, upload) => {
      if (verb !== 'POST' && upload) {
        // The name was taken while the bytes were on their way.
        request.resume();
        response.setHeader('Tus-Resumable', '1.0.0');
        response.setHeader('Upload-Offset', data.length);
        fail(response, 409, 'exists');
        return true;
      }
    };
    const upload = uploadOf('a', data);
    const sending = upload.send(signal, listener);
    await expect(sending).rejects.toMatchObject({
      code: 'exists',
      recovery: 'none'
    });
  });

  it('begins anew when the server forgot the upload', async () => {
    const data = bytesOf(2 * MIB);
    server.fault = (verb, request, response, upload) => {
      if (verb === 'PATCH' && upload && upload.data.length > 0) {
        server.fault = null;
        server.uploads.clear();
        request.resume();
        response.setHeader('Tus-Resumable', '1.0.0');
        fail(response, 410, 'gone');
        return true;
      }
    };
    const upload = uploadOf('a', data);
    await upload.send(signal, listener);
    expect(server.count('POST')).toBe(2);
    expect(server.files.get('a')?.equals(data)).toBe(true);
    expect(Math.min(...acknowledged)).toBeLessThan(0);
    expect(total()).toBe(data.length);
  });

  it('keeps the upload when a proxy says 404', async () => {
    const data = bytesOf(MIB);
    let misses = 0;
    server.fault = (verb, request, response) => {
      if (verb !== 'POST' && misses++ < 1) {
        request.resume();
        response.writeHead(404).end('<html>');
        return true;
      }
    };
    const upload = uploadOf('a', data);
    const first = upload.send(signal, listener);
    await expect(first).rejects.toMatchObject({ recovery: 'limited' });
    await upload.send(signal, listener);
    expect(server.count('POST')).toBe(1);
    expect(server.files.get('a')?.equals(data)).toBe(true);
  });

  it.each([1 * MIB, 100 * KIB])(
    'makes its requests fit a proxy that takes %d bytes',
    async limit => {
      const data = bytesOf(5 * MIB);
      let refused = 0;
      server.fault = (verb, request, response) => {
        if (Number(request.headers['content-length']) > limit) {
          refused += 1;
          request.resume();
          response.writeHead(413).end('<html>');
          return true;
        }
      };
      const upload = uploadOf('a', data);
      await upload.send(signal, listener);
      expect(server.files.get('a')?.equals(data)).toBe(true);
      expect(refused).toBeGreaterThan(0);
      // It learns: not every request is tried too large first.
      expect(refused).toBeLessThan(5);
    }
  );

  it('names the proxy when not even the smallest request fits', async () => {
    server.fault = (verb, request, response) => {
      if (verb === 'PATCH') {
        request.resume();
        response.writeHead(413).end();
        return true;
      }
    };
    const upload = uploadOf('a', bytesOf(MIB));
    const sending = upload.send(signal, listener);
    await expect(sending).rejects.toMatchObject({ code: 'proxy_refused' });
  });

  it('does not make requests smaller because the file is too large', async () => {
    server.fault = (verb, request, response) => {
      request.resume();
      fail(response, 413, 'too_large');
      return true;
    };
    const upload = uploadOf('a', 'x');
    const sending = upload.send(signal, listener);
    await expect(sending).rejects.toMatchObject({
      code: 'too_large',
      recovery: 'none'
    });
  });

  it('sends verbs as POST where a proxy blocks them', async () => {
    server.fault = (verb, request, response) => {
      if (request.method !== 'POST') {
        request.resume();
        response.writeHead(405).end();
        return true;
      }
    };
    const data = bytesOf(MIB);
    const upload = uploadOf('a', data);
    await upload.send(signal, listener);
    expect(server.files.get('a')?.equals(data)).toBe(true);
    const blocked = server.requests.filter(r => r.method === 'PATCH');
    expect(blocked).toHaveLength(1);
  });

  it('asks by GET for the offset where HEAD is blocked in any form', async () => {
    server.fault = (verb, request, response) => {
      if (verb === 'HEAD') {
        request.resume();
        response.writeHead(405).end();
        return true;
      }
    };
    const data = bytesOf(MIB);
    server.cutAfter = 700 * KIB;
    const upload = uploadOf('a', data);
    const broken = upload.send(signal, listener);
    await expect(broken).rejects.toMatchObject({ code: 'connection_lost' });
    await upload.send(signal, listener);
    expect(server.files.get('a')?.equals(data)).toBe(true);
    expect(server.count('GET')).toBe(1);
    // The next page knows.
    const wayfinding = new Wayfinding(server.baseUrl);
    expect(wayfinding.wayOf('HEAD')).toBe('get');
    expect(wayfinding.wayOf('PATCH')).toBe('plain');
  });

  it('does not deliver a file twice when the answer got lost', async () => {
    server.fault = (verb, request) => {
      server.fault = null;
      server.files.set('a', Buffer.from('hello'));
      server.mtimes.set('a', 1_700_000_000_123);
      request.on('data', () => request.destroy());
      return true;
    };
    const upload = uploadOf('a', 'hello');
    const sending = upload.send(signal, listener);
    await expect(sending).rejects.toMatchObject({ code: 'connection_lost' });
    expect(await upload.send(signal, listener)).toBe('a');
    expect(server.count('POST')).toBe(1);
    expect(total()).toBe(5);
  });

  it('sends it again when an older file of that name is in the way', async () => {
    server.files.set('a', Buffer.from('other'));
    server.mtimes.set('a', 1_600_000_000_000);
    server.fault = (verb, request) => {
      server.fault = null;
      request.on('data', () => request.destroy());
      return true;
    };
    const upload = uploadOf('a', 'hello');
    const sending = upload.send(signal, listener);
    await expect(sending).rejects.toMatchObject({ code: 'connection_lost' });
    expect(await upload.send(signal, listener)).toBe('a (1)');
    expect(server.files.get('a')?.toString()).toBe('other');
  });

  it('asks once more to publish a file that is whole but has no name', async () => {
    const data = bytesOf(MIB);
    server.fault = (verb, request, response, upload) => {
      if (verb !== 'PATCH' || !upload || upload.data.length === 0) {
        return false;
      }
      // All bytes are stored, then the server dies before it publishes.
      server.fault = null;
      upload.data = data;
      request.on('data', () => request.destroy());
      return true;
    };
    const upload = uploadOf('a', data);
    const sending = upload.send(signal, listener);
    await expect(sending).rejects.toMatchObject({ code: 'connection_lost' });
    const publish = jest.spyOn(server as any, '_publish');
    publish.mockImplementationOnce(() => null);
    expect(await upload.send(signal, listener)).toBe('a');
    const last = server.requests[server.requests.length - 1];
    expect(last.method).toBe('PATCH');
    expect(Number(last.headers['content-length'] ?? 0)).toBe(0);
  });

  it('notices a connection that takes no bytes', async () => {
    server.fault = verb => verb === 'PATCH';
    const upload = uploadOf('a', bytesOf(MIB));
    const timing = { ...context.timing, answer: 1000 };
    const settings = settingsFor(server);
    (context as any).client = new TusClient(
      settings,
      new XhrTransport(settings, timing),
      new Wayfinding(settings.baseUrl)
    );
    const sending = upload.send(signal, listener);
    await expect(sending).rejects.toMatchObject({
      code: 'timeout',
      recovery: 'forever'
    });
  });

  it('tells a file that changed from a broken connection', async () => {
    const read = jest.spyOn(FileReader.prototype, 'readAsArrayBuffer');
    read.mockImplementation(function (this: FileReader) {
      setTimeout(() => this.onerror?.(new ProgressEvent('error') as any));
    });
    server.fault = (verb, request) => {
      if (verb === 'PATCH') {
        request.on('data', () => request.destroy());
        return true;
      }
    };
    const upload = uploadOf('dir/a', bytesOf(MIB));
    const sending = upload.send(signal, listener);
    await expect(sending).rejects.toMatchObject({
      code: 'source_changed',
      recovery: 'none'
    });
  });

  it('sees that a login page is not the answer', async () => {
    server.fault = (verb, request, response) => {
      request.resume();
      response.writeHead(200).end('<html>Log in</html>');
      return true;
    };
    const upload = uploadOf('a', 'x');
    const sending = upload.send(signal, listener);
    await expect(sending).rejects.toMatchObject({
      code: 'session_expired',
      scope: 'batch'
    });
  });

  it('ends in mid-air when stopped', async () => {
    const abort = new AbortController();
    server.fault = verb => {
      if (verb === 'PATCH') {
        abort.abort();
        return true;
      }
    };
    const upload = uploadOf('a', bytesOf(MIB));
    const sending = upload.send(abort.signal, listener);
    await expect(sending).rejects.toMatchObject({ name: 'Stopped' });
    server.fault = null;
    await upload.terminate();
    expect(server.uploads.size).toBe(0);
  });
});
