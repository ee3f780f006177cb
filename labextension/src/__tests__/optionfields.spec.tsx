import { nullTranslator } from '@jupyterlab/translation';
import * as React from 'react';
import { act } from 'react';
import { createRoot, type Root } from 'react-dom/client';
import { Format } from '../format';
import type { IBackend, IBackendOption } from '../job';
import { given, labelOf, OptionFields } from '../optionfields';

(globalThis as any).IS_REACT_ACT_ENVIRONMENT = true;

function option(
  name: string,
  more: Partial<IBackendOption> = {}
): IBackendOption {
  return {
    name,
    type: 'text',
    help: `Help for ${name}`,
    default: null,
    secret: false,
    choices: [],
    required: false,
    ...more
  };
}

const BACKEND: IBackend = {
  name: 's3',
  title: 'S3',
  schemes: ['s3'],
  options: [
    option('endpoint'),
    option('secret_access_key', { secret: true }),
    option('anonymous', { type: 'flag' }),
    option('style', { choices: ['auto', 'path'], default: 'auto' }),
    option('depth', { type: 'integer' })
  ]
};

describe('given', () => {
  it('takes what was filled in, with its type', () => {
    expect(
      given(BACKEND.options, {
        endpoint: 'https://s3.example',
        secret_access_key: '',
        anonymous: false,
        depth: '3',
        of_another_backend: 'x'
      })
    ).toEqual({ endpoint: 'https://s3.example', depth: 3 });
  });

  it('switches off what is on by itself', () => {
    const flags = [
      option('on', { type: 'flag', default: true }),
      option('off', { type: 'flag', default: false })
    ];
    expect(given(flags, { on: false, off: false })).toEqual({ on: false });
    expect(given(flags, { on: true, off: true })).toEqual({ off: true });
  });
});

describe('labels', () => {
  it('are words, with acronyms as they are written', () => {
    const labels = ['secret_access_key', 'sse_kms_key_id', 'sha256'].map(name =>
      labelOf({ name }, new Format(nullTranslator))
    );
    expect(labels).toEqual(['Secret access key', 'SSE KMS key ID', 'SHA-256']);
  });
});

describe('OptionFields', () => {
  let host: HTMLElement;
  let root: Root;
  const onChange = jest.fn();

  const draw = (needed = false) =>
    act(() =>
      root.render(
        <OptionFields
          title={BACKEND.title}
          options={BACKEND.options}
          values={{ endpoint: 'e' }}
          needed={needed}
          format={new Format(nullTranslator)}
          onChange={onChange}
        />
      )
    );

  beforeEach(() => {
    onChange.mockReset();
    host = document.body.appendChild(document.createElement('div'));
    root = createRoot(host);
  });

  afterEach(() => {
    act(() => root.unmount());
    host.remove();
  });

  it('has a field for each option, named and explained', () => {
    draw();
    const labels = [...host.querySelectorAll('label')];
    expect(labels.map(label => label.textContent)).toEqual([
      'Endpoint',
      'Secret access key',
      'Anonymous',
      'Styleautopath',
      'Depth'
    ]);
    expect(labels[0].title).toBe('Help for endpoint');
    const types = [...host.querySelectorAll('input')].map(input => input.type);
    expect(types).toEqual(['text', 'password', 'checkbox', 'number']);
  });

  it('opens when the other side asks for credentials', () => {
    draw();
    expect(host.querySelector('details')!.open).toBe(false);
    draw(true);
    expect(host.querySelector('details')!.open).toBe(true);
  });

  it('tells what was chosen', () => {
    draw(true);
    act(() => host.querySelector<HTMLInputElement>('[type=checkbox]')!.click());
    expect(onChange.mock.calls).toEqual([['anonymous', true]]);
  });
});
