import * as fs from 'fs';
import * as path from 'path';
import { nullTranslator } from '@jupyterlab/translation';
import { errorDetails, explain } from '../errors';
import { Format } from '../format';

const ROOT = path.join(__dirname, '..', '..', '..');

function failure(code: string, change: any = {}) {
  return {
    code,
    message: '',
    remedy: '',
    retryable: false,
    detail: {},
    ...change
  };
}

/** A translator that marks what went through it. */
const marking = {
  languageCode: 'zh-CN',
  load: () =>
    ({
      ...nullTranslator.load(''),
      __: (text: string, ...args: any[]) =>
        '«' + text.replace(/%(\d)/g, (_, index) => args[index - 1]) + '»'
    }) as any
};

describe('explain', () => {
  const english = new Format();
  const chinese = new Format(marking);

  it('shows the words of the server in English', () => {
    const error = failure('exists', {
      message: '“a.csv” is there already.',
      remedy: 'Choose another name.'
    });
    expect(explain(error, english)).toEqual({
      what: '“a.csv” is there already.',
      remedy: 'Choose another name.'
    });
  });

  it('shows translated sentences of the code in other languages', () => {
    const error = failure('exists', { message: '“a.csv” is there already.' });
    expect(explain(error, chinese)).toEqual({
      what: '«A file of this name is there already.»',
      remedy: '«Choose another name, or allow the file to be replaced.»'
    });
  });

  it('names the service that cannot be loaded, and why', () => {
    const detail = { kind: 'broken_backend', backend: 'tape', cause: 'E: x' };
    const error = failure('unsupported_scheme', { detail });
    expect(explain(error, chinese).what).toBe(
      '«The service tape is installed, but it cannot be loaded: E: x»'
    );
  });

  it('sends nobody to the administrator for what is never allowed', () => {
    const detail = { kind: 'never_called', host: '169.254.169.254' };
    const { remedy } = explain(failure('address_refused', { detail }), chinese);
    expect(remedy).toBe(
      '«No setting allows them; use another address of that host.»'
    );
  });

  it('says what a request means that is of a known kind', () => {
    const error = failure('bad_request', { detail: { kind: 'no_listing' } });
    expect(explain(error, chinese).what).toBe(
      '«The remote side lists no folder at this address.»'
    );
  });

  it('says why credentials of the server are not used', () => {
    const detail = { kind: 'credentials_withheld' };
    const { remedy } = explain(
      failure('needs_credentials', { detail }),
      chinese
    );
    expect(remedy).toContain('those of the account of this server');
    const words = 'Enter credentials of your own.';
    const told = failure('needs_credentials', { detail, remedy: words });
    expect(explain(told, english).remedy).toBe(words);
  });

  it('says how much room is missing', () => {
    const GB = 1024 ** 3;
    const detail = { needed_bytes: 14.4 * GB, free_bytes: 2 * GB };
    expect(explain(failure('disk_full', { detail }), english).remedy).toBe(
      'Free 12 GB or choose another folder.'
    );
  });

  it('shows the remedy of the server when the numbers say nothing', () => {
    const remedy = 'Free space on the server.';
    for (const detail of [{}, { needed_bytes: 5 }, { free_bytes: 5 }]) {
      const error = failure('disk_full', { remedy, detail });
      expect(explain(error, english).remedy).toBe(remedy);
    }
    const detail = { needed_bytes: 5, free_bytes: 6 };
    const error = failure('disk_full', { remedy, detail });
    expect(explain(error, english).remedy).toBe(remedy);
  });

  it('shows the words of the server for a code it does not know', () => {
    const error = failure('brand_new', { message: 'Something new.' });
    expect(explain(error, chinese).what).toBe('Something new.');
    expect(explain(failure('brand_new'), english).what).toBe(
      'Something went wrong.'
    );
  });

  it('has a sentence and a remedy for every code of the server', () => {
    const source = fs.readFileSync(
      path.join(ROOT, 'jupyter_transfer', 'errors.py'),
      'utf8'
    );
    const codes = [...source.matchAll(/^ {4}"(\w+)": Code\(/gm)].map(m => m[1]);
    expect(codes.length).toBeGreaterThan(30);
    expect(codes.filter(code => !translated(code))).toEqual([]);
  });

  it('has a sentence and a remedy for every code of the uploader', () => {
    const source = fs.readFileSync(
      path.join(__dirname, '..', 'uploads', 'errors.ts'),
      'utf8'
    );
    const codes = [...source.matchAll(/code: [^,]*?'(\w+)'/g)].map(m => m[1]);
    expect(codes.length).toBeGreaterThan(5);
    expect(codes.filter(code => !translated(code))).toEqual([]);
  });

  function translated(code: string): boolean {
    const { what, remedy } = explain(failure(code), chinese);
    return (
      what.startsWith('«') &&
      remedy.startsWith('«') &&
      what !== '«Something went wrong.»'
    );
  }
});

describe('errorDetails', () => {
  it('holds what a bug report needs and nothing else', () => {
    const error = failure('exists', { message: 'm', secret: 'token' });
    expect(JSON.parse(errorDetails(error))).toEqual(
      failure('exists', { message: 'm' })
    );
  });
});
