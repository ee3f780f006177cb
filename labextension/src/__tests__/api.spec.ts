import { ServerConnection } from '@jupyterlab/services';
import { TransferApi, TransferError } from '../api';

describe('TransferApi', () => {
  const fetch = jest.fn();
  const api = new TransferApi(
    ServerConnection.makeSettings({
      baseUrl: 'http://localhost:8888/base/',
      fetch
    })
  );

  function answer(
    status: number,
    body: unknown,
    headers: Record<string, string> = {}
  ): void {
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    const response = { ok: status < 400, status, statusText: 'S', text };
    fetch.mockResolvedValueOnce({
      ...response,
      headers: new Headers(headers),
      text: async () => text
    });
  }
  const asked = (index = 0) => fetch.mock.calls[index][0] as Request;

  beforeEach(() => {
    fetch.mockReset();
  });

  it('asks for changes without keeping the server alive', async () => {
    answer(200, { jobs: [], total: 0, revision: 7 });
    await api.jobs(5);
    const url = new URL(asked().url);
    expect(url.pathname).toBe('/base/jupyter-transfer/jobs');
    expect(url.searchParams.get('since')).toBe('5');
    expect(url.searchParams.get('no_track_activity')).toBe('1');
  });

  it('reads a long list page by page, at the revision of the first', async () => {
    const page = (id: string, revision: number) => ({
      jobs: [{ id }],
      total: 501,
      revision
    });
    answer(200, page('a', 7));
    answer(200, page('b', 9));
    const list = await api.jobs();
    expect(list.jobs.map(job => job.id)).toEqual(['a', 'b']);
    expect(list.revision).toBe(7);
    expect(new URL(asked(1).url).searchParams.get('offset')).toBe('500');
  });

  it('removes a leftover, or only forgets it', async () => {
    answer(204, '');
    await api.removeLeftover('job-1');
    answer(204, '');
    await api.removeLeftover('job-1', true);
    const urls = [asked(0), asked(1)].map(({ url }) => new URL(url));
    expect(asked().method).toBe('DELETE');
    expect(urls.map(url => url.pathname)).toEqual([
      '/base/jupyter-transfer/leftovers/job-1',
      '/base/jupyter-transfer/leftovers/job-1'
    ]);
    expect(urls.map(url => url.searchParams.get('forget'))).toEqual([
      null,
      '1'
    ]);
  });

  it('asks for the digest of a file', async () => {
    answer(200, '', { 'Repr-Digest': 'sha-512=:YQ==:, sha-256=:YWI+/w==:' });
    expect(await api.digestOf('a b/c.bin')).toBe('YWI+/w==');
    expect(asked().method).toBe('HEAD');
    expect(new URL(asked().url).pathname).toBe(
      '/base/jupyter-transfer/download/a%20b/c.bin'
    );
    expect(asked().headers.get('Want-Repr-Digest')).toBe('sha-256=10');
    answer(200, '');
    expect(await api.digestOf('a')).toBeNull();
    answer(404, '', { 'Repr-Digest': 'sha-256=:YQ==:' });
    expect(await api.digestOf('a')).toBeNull();
  });

  it('asks what a folder takes', async () => {
    const room = { free_bytes: 5, reserved_bytes: 0, max_upload_size: null };
    answer(200, room);
    expect(await api.room('a b')).toEqual(room);
    const url = new URL(asked().url);
    expect(url.pathname).toBe('/base/jupyter-transfer/room');
    expect(url.searchParams.get('path')).toBe('a b');
  });

  it('sends JSON', async () => {
    answer(201, { id: 'x' });
    await api.startJob({ source: 'https://example.org/a', destination: '' });
    expect(asked().method).toBe('POST');
    expect(asked().headers.get('Content-Type')).toBe('application/json');
  });

  it('answers to a deletion without content', async () => {
    answer(204, '');
    await expect(api.deleteJob('a')).resolves.toBeUndefined();
    expect(asked().method).toBe('DELETE');
  });

  it('throws the error of the server, whole', async () => {
    const error = {
      code: 'disk_full',
      message: 'Full.',
      remedy: 'Free space.',
      retryable: false,
      detail: { free_bytes: 3 }
    };
    answer(507, { error });
    const reason = await api.probe('https://example.org').catch(r => r);
    expect(reason).toBeInstanceOf(TransferError);
    expect(reason).toMatchObject(error);
  });

  it('does not show the page of a proxy', async () => {
    answer(502, '<html>Bad Gateway</html>');
    await expect(api.backends()).rejects.toMatchObject({
      code: 'unreachable',
      retryable: true
    });
    answer(500, '<html>Traceback</html>');
    const reason = await api.backends().catch(r => r);
    expect(reason.code).toBe('internal');
    expect(reason.message).not.toContain('Traceback');
  });

  it('says that the server cannot be reached', async () => {
    fetch.mockRejectedValueOnce(new TypeError('Failed to fetch'));
    await expect(api.jobs()).rejects.toMatchObject({
      code: 'unreachable',
      retryable: true
    });
  });

  it('makes links that name odd files and carry the token', () => {
    document.cookie = '_xsrf=2|ab';
    const url = new URL(api.downloadUrl('data/a b#1?.csv'));
    expect(url.pathname).toBe(
      '/base/jupyter-transfer/download/data/a%20b%231%3F.csv'
    );
    expect(url.searchParams.get('_xsrf')).toBe('2|ab');
  });
});
