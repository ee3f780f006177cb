import { nullTranslator } from '@jupyterlab/translation';
import * as React from 'react';
import { act } from 'react';
import { createRoot, type Root } from 'react-dom/client';
import { Format } from '../format';
import { Found } from '../found';
import type { IProbe } from '../job';

(globalThis as any).IS_REACT_ACT_ENVIRONMENT = true;

const PROBE: IProbe = {
  backend: 'huggingface',
  title: 'model',
  files: 3,
  bytes: 9,
  entries: [],
  resumable: true,
  verifiable: true,
  needs: null,
  free_bytes: 100
};

const ABOUT = {
  repository: 'owner/model',
  revision: 'main',
  commit: '0123456789012345678901234567890123456789',
  licence: 'apache-2.0',
  changed: '2026-11-20T10:00:00Z',
  gated: true,
  private: false,
  page: 'https://huggingface.co/owner/model'
};

describe('what is found', () => {
  let host: HTMLElement;
  let root: Root;

  beforeEach(() => {
    host = document.body.appendChild(document.createElement('div'));
    root = createRoot(host);
  });

  afterEach(() => {
    act(() => root.unmount());
    host.remove();
  });

  function show(more: Partial<IProbe>): void {
    act(() =>
      root.render(
        <Found
          result={{ state: 'found', probe: { ...PROBE, ...more } }}
          writes={false}
          vacant={false}
          format={new Format(nullTranslator)}
          onTrust={() => undefined}
        />
      )
    );
  }

  it('says what a service tells of a repository', () => {
    show({ about: ABOUT });
    const facts = [...host.querySelectorAll('span')].map(s => s.textContent);
    expect(facts).toContain('revision main');
    expect(facts).toContain('licence apache-2.0');
    expect(facts).toContain('gated: its terms have to be accepted');
    expect(facts).not.toContain('private');
    expect(host.textContent).toContain('changed Nov 20, 2026');
    expect(host.querySelector(`span[title="${ABOUT.commit}"]`)).not.toBeNull();
    const link = host.querySelector('a')!;
    expect(link.href).toBe(ABOUT.page);
    expect(link.rel).toBe('noopener noreferrer');
  });

  it('links to pages of the web only, and says nothing of a service that tells nothing', () => {
    show({ about: { page: 'javascript:alert(1)', revision: 'main' } });
    expect(host.querySelector('a')).toBeNull();
    show({ about: {} });
    expect(host.textContent).not.toContain('revision');
    show({});
    expect(host.querySelectorAll('.jp-TransfersFacts')).toHaveLength(2);
  });

  it('says why credentials are missing', () => {
    show({ needs: 'credentials', detail: { kind: 'gated' }, about: ABOUT });
    const error = () => host.querySelector('.jp-TransfersFound-error')!;
    expect(error().textContent).toContain('Accept its terms on its page');
    show({ needs: 'credentials', detail: {} });
    expect(error().textContent).toContain('asks who you are');
  });
});
