import {
  bytesOf,
  item,
  QUICK,
  settingsFor,
  statesOf,
  until,
  useBed
} from './testbed';
import { fail } from './tusserver';
import { FileItem } from '../fileitem';
import { Uploader } from '../uploader';

const KIB = 1024;
const MIB = 1024 * KIB;

// A hang guard, not a limit: the machine may be busy.
jest.setTimeout(60_000);

describe('Uploader', () => {
  const bed = useBed();

  it('sends a small file in one request', async () => {
    const batch = bed.uploader.upload([item('Ünï 日本.txt', 'hello')], {
      destination: '/data/'
    });
    await batch.finished;
    expect(batch.state).toBe('done');
    expect(batch.results).toEqual(['data/Ünï 日本.txt']);
    expect(bed.server.files.get('data/Ünï 日本.txt')?.toString()).toBe('hello');
    expect(bed.server.log).toEqual(['POST']);
    const [upload] = [...bed.server.uploads.values()];
    expect(upload.metadata).toEqual({
      filename: 'Ünï 日本.txt',
      path: 'data',
      mtime: '1700000000123',
      conflict: 'rename'
    });
    const { headers } = bed.server.requests[0];
    expect(headers.authorization).toBe('token secret');
  });

  it('sends the XSRF cookie as it is at the time of the request', async () => {
    document.cookie = '_xsrf=2|new';
    await bed.uploader.upload([item('a', 'x')], { destination: '' }).finished;
    expect(bed.server.requests[0].headers['x-xsrftoken']).toBe('2|new');
  });

  it('sends a large file in growing pieces', async () => {
    const data = bytesOf(6 * MIB + 12345);
    const batch = bed.uploader.upload([item('big.bin', data)], {
      destination: ''
    });
    await batch.finished;
    expect(bed.server.files.get('big.bin')?.equals(data)).toBe(true);
    expect(batch.bytesDone).toBe(data.length);
    const sizes = bed.server.requests
      .map(request => Number(request.headers['content-length'] ?? 0))
      .filter(size => size > 0);
    expect(sizes[0]).toBeLessThan(MIB);
    expect(Math.max(...sizes)).toBeGreaterThan(sizes[0]);
  });

  it('delivers an empty file', async () => {
    const batch = bed.uploader.upload([item('empty', '')], { destination: '' });
    await batch.finished;
    expect(batch.results).toEqual(['empty']);
    expect(bed.server.files.get('empty')?.length).toBe(0);
  });

  it('has nothing to do for an empty batch', async () => {
    const batch = bed.uploader.upload([], { destination: '' });
    await batch.finished;
    expect(batch.state).toBe('done');
    expect(bed.uploader.holdsBytes).toBe(false);
  });

  it('uses at most four connections for a folder and keeps its paths', async () => {
    bed.server.packs = false;
    bed.server.fault = (verb, request, response) => {
      request.pause();
      setTimeout(() => request.resume(), 5);
    };
    const items = Array.from({ length: 40 }, (_, n) =>
      item(`photos/${n % 4}/${n}.jpg`, `picture ${n}`)
    );
    const batch = bed.uploader.upload(items, { destination: 'data' });
    await batch.finished;
    expect(batch.name).toBe('photos');
    expect(batch.filesDone).toBe(40);
    expect(bed.server.files.size).toBe(40);
    expect(bed.server.files.get('data/photos/3/7.jpg')?.toString()).toBe(
      'picture 7'
    );
    expect(bed.server.peak).toBe(4);
  });

  it('gives a later batch a connection while an earlier one has many files', async () => {
    const many = Array.from({ length: 200 }, (_, n) => item(`m/${n}`, 'x'));
    const first = bed.uploader.upload(many, { destination: '' });
    const second = bed.uploader.upload([item('quick', 'y')], {
      destination: ''
    });
    await second.finished;
    expect(first.filesDone).toBeLessThan(200);
    await first.finished;
    expect(first.filesDone).toBe(200);
  });

  it('goes on where a cut connection left off', async () => {
    const data = bytesOf(3 * MIB);
    bed.server.cutAfter = MIB + 333;
    const batch = bed.uploader.upload([item('cut.bin', data)], {
      destination: ''
    });
    const states = await statesOf(bed.uploader, batch);
    expect(bed.server.files.get('cut.bin')?.equals(data)).toBe(true);
    expect(bed.server.count('HEAD')).toBe(1);
    expect(states[states.length - 1]).toBe('done');
    expect(batch.error).toBeNull();
  });

  it('survives a server that dies and comes back', async () => {
    const data = bytesOf(4 * MIB);
    const batch = bed.uploader.upload([item('big.bin', data)], {
      destination: ''
    });
    await until(() => batch.bytesDone > 0);
    await bed.server.kill();
    await until(() => batch.state === 'retrying' && batch.attempt >= 2);
    expect(batch.error?.code).toBe('connection_lost');
    expect(bed.uploader.holdsBytes).toBe(true);
    await bed.server.start();
    await batch.finished;
    expect(batch.state).toBe('done');
    expect(bed.server.files.get('big.bin')?.equals(data)).toBe(true);
    expect(bed.server.uploads.size).toBe(1);
  });

  it('tries again at once when a person asks for it', async () => {
    bed.uploader.dispose();
    bed.uploader = bed.open({
      timing: { ...QUICK, backoff: 1e6, backoffMax: 1e6 }
    });
    jest.spyOn(Math, 'random').mockReturnValue(0.9);
    await bed.server.kill();
    const batch = bed.uploader.upload([item('a', 'x')], { destination: '' });
    await until(() => batch.retryAt !== null);
    expect(batch.retryAt! - Date.now()).toBeGreaterThan(1e5);
    await bed.server.start();
    batch.retry();
    await batch.finished;
    expect(batch.state).toBe('done');
  });

  it('waits as long as the server asks for', async () => {
    bed.server.fault = (verb, request, response) => {
      bed.server.fault = null;
      request.resume();
      response.setHeader('Retry-After', '1');
      response.writeHead(503).end();
      return true;
    };
    const begin = Date.now();
    const batch = bed.uploader.upload([item('a', 'x')], { destination: '' });
    await until(() => batch.state === 'retrying');
    expect(batch.retryAt).toBeGreaterThanOrEqual(begin + 1000);
    await batch.finished;
    expect(batch.state).toBe('done');
  });

  it('pauses and resumes', async () => {
    const data = bytesOf(5 * MIB);
    const batch = bed.uploader.upload([item('big.bin', data)], {
      destination: ''
    });
    await until(() => batch.bytesDone > 0);
    batch.pause();
    expect(batch.state).toBe('paused');
    let requests = -1;
    while (requests !== bed.server.log.length) {
      requests = bed.server.log.length;
      await new Promise(resolve => setTimeout(resolve, 100));
    }
    expect(batch.state).toBe('paused');
    expect(bed.uploader.holdsBytes).toBe(true);
    batch.resume();
    await batch.finished;
    expect(bed.server.files.get('big.bin')?.equals(data)).toBe(true);
    expect(bed.server.count('POST')).toBe(1);
  });

  it('sends nothing twice when it was paused before the answer came', async () => {
    bed.server.fault = (verb, request) => {
      bed.server.fault = null;
      // The server has all of it, and publishes the file after this.
      request.on('end', () => batch.pause());
      return false;
    };
    const batch = bed.uploader.upload([item('a', 'x')], { destination: '' });
    await until(() => batch.state === 'paused' && bed.server.files.has('a'));
    batch.resume();
    await batch.finished;
    expect(batch.state).toBe('done');
    expect(batch.results).toEqual(['a']);
    expect([...bed.server.files.keys()]).toEqual(['a']);
  });

  it('deletes what is unfinished when cancelled', async () => {
    let done = 0;
    bed.uploader.batchFinished.connect(() => (done += 1));
    const batch = bed.uploader.upload([item('big.bin', bytesOf(8 * MIB))], {
      destination: ''
    });
    await until(() => batch.bytesDone > 0);
    await batch.cancel();
    await batch.finished;
    expect(batch.state).toBe('cancelled');
    expect(bed.server.count('DELETE')).toBe(1);
    expect(bed.server.uploads.size).toBe(0);
    expect(bed.server.files.size).toBe(0);
    expect(bed.uploader.holdsBytes).toBe(false);
    expect(done).toBe(1);
    bed.uploader.remove(batch.id);
    expect(bed.uploader.batches).toHaveLength(0);
  });

  it('tells which files got another name', async () => {
    bed.server.files.set('d/a', Buffer.from('old'));
    const batch = bed.uploader.upload([item('a', 'new')], {
      destination: '/d/'
    });
    await batch.finished;
    expect(batch.results).toEqual(['d/a (1)']);
    expect(batch.renamed).toEqual(['d/a (1)']);
    const free = bed.uploader.upload([item('b', 'new')], { destination: 'd' });
    await free.finished;
    expect(free.renamed).toEqual([]);
  });

  it('leaves existing files alone when told to skip', async () => {
    bed.server.files.set('a', Buffer.from('old'));
    const outcomes: Array<string | null> = [];
    const batch = bed.uploader.upload([item('a', 'new'), item('b', 'new')], {
      destination: '',
      conflict: 'skip',
      onFile: (_, path) => outcomes.push(path)
    });
    await batch.finished;
    expect(batch.state).toBe('done');
    expect([batch.filesDone, batch.filesSkipped]).toEqual([2, 1]);
    expect(batch.bytesDone).toBe(batch.bytesTotal);
    expect(bed.server.files.get('a')?.toString()).toBe('old');
    expect(outcomes.sort()).toEqual(['b', null]);
  });

  it('goes on with the other files when one is refused, and sends it again', async () => {
    let isBroken = true;
    bed.server.fault = (verb, request, response) => {
      const header = String(request.headers['upload-metadata']);
      if (isBroken && header.includes(`filename ${btoa('d/bad')}`)) {
        request.resume();
        fail(response, 400, 'invalid_path');
        return true;
      }
    };
    const items = ['d/1', 'd/bad', 'd/3'].map(path => item(path, path));
    const batch = bed.uploader.upload(items, { destination: '' });
    await batch.finished;
    expect(batch.state).toBe('failed');
    expect([batch.filesDone, batch.filesFailed]).toEqual([2, 1]);
    expect(batch.error).toMatchObject({ code: 'invalid_path', remedy: 'Act.' });
    expect(batch.failures[0].item).toBe(items[1]);
    isBroken = false;
    batch.retry();
    expect(batch.state).not.toBe('failed');
    await batch.finished;
    expect(batch.state).toBe('done');
    expect(bed.server.files.get('d/bad')?.toString()).toBe('d/bad');
  });

  it.each([
    [507, 'disk_full'],
    [403, 'forbidden']
  ])(
    'stops the whole batch at %d %s until told to go on',
    async (status, code) => {
      bed.server.fault = (verb, request, response) => {
        request.resume();
        fail(response, status, code);
        return true;
      };
      const items = Array.from({ length: 50 }, (_, n) => item(`f/${n}`, 'x'));
      const batch = bed.uploader.upload(items, { destination: '' });
      await batch.finished;
      expect(batch.state).toBe('failed');
      expect(batch.error?.code).toBe(code);
      expect(batch.error?.retryable).toBe(true);
      expect(bed.server.log.length).toBeLessThanOrEqual(4);
      bed.server.fault = null;
      batch.retry();
      await batch.finished;
      expect(batch.filesDone).toBe(50);
    }
  );

  it('says so when the sign-in is over', async () => {
    bed.server.fault = (verb, request, response) => {
      request.resume();
      response.writeHead(403).end('{"message": "Forbidden"}');
      return true;
    };
    const batch = bed.uploader.upload([item('a', 'x')], { destination: '' });
    await batch.finished;
    expect(batch.error?.code).toBe('session_expired');
    expect(batch.error?.remedy).toContain('Sign in');
  });

  it('goes on where it was after signing in again', async () => {
    const data = bytesOf(3 * MIB);
    let isSignedOut = false;
    bed.server.fault = (verb, request, response) => {
      if (isSignedOut) {
        request.resume();
        response.writeHead(401).end();
        return true;
      }
    };
    const batch = bed.uploader.upload([item('big.bin', data)], {
      destination: ''
    });
    await until(() => batch.bytesDone > 0);
    isSignedOut = true;
    await batch.finished;
    expect(batch.error).toMatchObject({ code: 'session_expired' });
    expect(batch.error?.retryable).toBe(true);
    isSignedOut = false;
    batch.retry();
    await batch.finished;
    expect(batch.state).toBe('done');
    expect(bed.server.files.get('big.bin')?.equals(data)).toBe(true);
    expect(bed.server.count('POST')).toBe(1);
  });

  it('gives up on a server that keeps failing', async () => {
    bed.server.fault = (verb, request, response) => {
      request.resume();
      fail(response, 500, 'io_error', true);
      return true;
    };
    const batch = bed.uploader.upload([item('a', 'x')], { destination: '' });
    await batch.finished;
    expect(batch.state).toBe('failed');
    expect(batch.error?.code).toBe('io_error');
    expect(bed.server.count('POST')).toBe(6);
  });

  it('emits few signals for ten thousand files', async () => {
    // The server is left out: this is about the page.
    let n = 0;
    bed.uploader.dispose();
    bed.uploader = new Uploader({
      serverSettings: settingsFor(bed.server),
      transport: {
        send: async request => {
          if (request.headers['Upload-Metadata'].startsWith('pack')) {
            return { status: 400, text: '', header: () => null };
          }
          const headers: Record<string, string> = {
            Location: `/base/jupyter-transfer/tus/${n++}`,
            'Tus-Resumable': '1.0.0',
            'Upload-Offset': '1',
            'Transfer-Path': `f/${n}`
          };
          return {
            status: 201,
            text: '',
            header: name => headers[name] ?? null
          };
        }
      }
    });
    const { file } = item('x', 'x');
    const items = Array.from(
      { length: 10_000 },
      (_, i) => new FileItem(file, `f/${i}`)
    );
    let signals = 0;
    bed.uploader.changed.connect(() => (signals += 1));
    const begin = Date.now();
    const batch = bed.uploader.upload(items, { destination: '' });
    await batch.finished;
    const elapsed = Date.now() - begin;
    expect(batch.filesDone).toBe(10_000);
    expect(batch.bytesDone).toBe(10_000);
    expect(signals).toBeLessThanOrEqual(elapsed / 100 + 2);
  });
});
