import {
  clientErrors,
  errorFromResponse,
  parseOffset,
  parseRetryAfter
} from '../errors';

const answer = (
  status: number,
  text = '',
  headers: Record<string, string> = {}
) => ({
  status,
  text,
  header: (name: string) => headers[name] ?? null
});

describe('errorFromResponse', () => {
  it('takes the data of the contract', () => {
    const error = {
      code: 'disk_full',
      message: 'The disk is full.',
      remedy: 'Free space.',
      retryable: false,
      detail: { free_bytes: 5 }
    };
    const made = errorFromResponse(answer(507, JSON.stringify({ error })));
    expect(made.toData()).toEqual({ ...error, retryable: true });
    expect(made.scope).toBe('batch');
    expect(made.recovery).toBe('none');
  });

  it.each([
    [507, 'disk_full', true],
    [403, 'forbidden', true],
    [403, 'permission_denied', true],
    [403, 'read_only', true],
    [413, 'too_large', true],
    [500, 'internal', true],
    [400, 'invalid_path', false],
    [403, 'hidden_path', false]
  ])('%d %s: may be tried again by hand: %s', (status, code, retryable) => {
    const error = { code, message: 'No.', retryable: false };
    const made = errorFromResponse(answer(status, JSON.stringify({ error })));
    expect(made.code).toBe(code);
    expect(made.retryable).toBe(retryable);
    expect(made.recovery).toBe('none');
  });

  it.each([
    [403, '{"message": "Forbidden"}', 'session_expired', 'none'],
    [
      403,
      '{"error": {"code": "forbidden", "message": "\'_xsrf\' argument missing."}}',
      'session_expired',
      'none'
    ],
    [
      403,
      '{"error": {"code": "permission_denied", "message": "No."}}',
      'permission_denied',
      'none'
    ],
    [401, '', 'session_expired', 'none'],
    [404, '<html>', 'not_found', 'limited'],
    [413, '<html>', 'refused', 'none'],
    [429, '', 'server_unavailable', 'forever'],
    [500, '', 'refused', 'limited'],
    [502, '', 'server_unavailable', 'forever'],
    [503, '<html>', 'server_unavailable', 'forever'],
    [507, '', 'disk_full', 'none'],
    [400, '[1, 2]', 'refused', 'none'],
    [400, '{"error": "text"}', 'refused', 'none'],
    [400, 'null', 'refused', 'none']
  ])('%d %s: %s, try again: %s', (status, text, code, recovery) => {
    const error = errorFromResponse(answer(status, text));
    expect([error.code, error.recovery]).toEqual([code, recovery]);
    expect(error.message).not.toBe('');
  });

  it('reads the offset from the header or the detail', () => {
    const text = JSON.stringify({
      error: { code: 'offset_mismatch', message: '', detail: { offset: 7 } }
    });
    expect(errorFromResponse(answer(409, text)).offset).toBe(7);
    const headers = { 'Upload-Offset': '9', 'Tus-Resumable': '1.0.0' };
    const error = errorFromResponse(answer(409, text, headers));
    expect([error.offset, error.fromTus]).toEqual([9, true]);
  });
});

describe('parseRetryAfter', () => {
  it.each([
    ['3', 3000],
    [null, 0],
    ['soon', 0],
    ['-5', 0],
    ['99999999', 3_600_000],
    ['Thu, 01 Jan 1970 00:00:00 GMT', 0]
  ])('%s: %d ms', (value, wait) => {
    expect(parseRetryAfter(value)).toBe(wait);
  });

  it('takes a date', () => {
    const date = new Date(Date.now() + 60_000).toUTCString();
    expect(parseRetryAfter(date)).toBeGreaterThan(50_000);
  });
});

describe('parseOffset', () => {
  it.each(['-1', '+5', '1e3', '', '0x10', '9223372036854775808', ' 1'])(
    'refuses %p',
    value => {
      expect(parseOffset(value)).toBeNull();
    }
  );

  it('takes digits', () => {
    expect(parseOffset('5497558138880')).toBe(5497558138880);
  });
});

describe('clientErrors', () => {
  it('lets a person try again after signing in, not with a changed file', () => {
    expect(clientErrors.signedOut(403).retryable).toBe(true);
    expect(clientErrors.sourceChanged(['a.csv']).retryable).toBe(false);
  });
});
