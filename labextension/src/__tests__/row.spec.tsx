import { nullTranslator } from '@jupyterlab/translation';
import * as React from 'react';
import { act } from 'react';
import { createRoot, type Root } from 'react-dom/client';

import { Format } from '../format';
import { CommandIDs } from '../ids';
import { fromJob } from '../jobrow';
import type { ITransfer } from '../transfer';
import { fromBatch } from '../uploadrow';
import { TransferRow } from '../row';
import { batch, failure, job, progress, running, transfer } from './samples';

(globalThis as any).IS_REACT_ACT_ENVIRONMENT = true;

const MB = 1024 * 1024;

describe('TransferRow', () => {
  let node: HTMLElement;
  let root: Root;
  const run = jest.fn();

  function draw(row: ITransfer): void {
    act(() =>
      root.render(
        <ul>
          <TransferRow
            transfer={row}
            format={new Format(nullTranslator)}
            current={true}
            run={run}
          />
        </ul>
      )
    );
  }
  const text = () => node.textContent ?? '';
  const reason = () =>
    Array.from(node.querySelectorAll('[title]'), each =>
      each.getAttribute('title')
    ).join('\n');
  const buttons = () =>
    Array.from(node.querySelectorAll('button'), each =>
      each.getAttribute('aria-label')
    );
  const click = (label: string) =>
    act(() =>
      node.querySelector<HTMLElement>(`button[aria-label="${label}"]`)!.click()
    );

  beforeEach(() => {
    run.mockClear();
    node = document.createElement('div');
    document.body.appendChild(node);
    root = createRoot(node);
  });

  afterEach(() => {
    act(() => root.unmount());
    node.remove();
  });

  it('shows where a running transfer stands', () => {
    draw(fromJob(running('report', 25 * MB, 100 * MB), 5 * MB));
    expect(text()).toContain('report.bin');
    expect(text()).toContain('Copying');
    expect(text()).toContain('to data/');
    expect(text()).toContain('25 of 100 MB');
    expect(text()).toContain('5 MB/s');
    expect(text()).toContain('15 s left');
  });

  it('has a progress bar that says its value', () => {
    draw(fromJob(running('report', 25 * MB, 100 * MB), 5 * MB));
    const bar = node.querySelector('[role="progressbar"]')!;
    expect(bar.getAttribute('aria-label')).toBe('Progress of report.bin');
    expect(bar.getAttribute('aria-valuenow')).toBe('25');
    expect(bar.getAttribute('aria-valuetext')).toBe(
      '25%, 25 of 100 MB, 5 MB/s, 15 s left'
    );
    const fill = bar.firstElementChild as HTMLElement;
    expect(fill.style.transform).toBe('translateX(-75%)');
  });

  it('counts no bytes of folders without files', () => {
    const state = { state: 'done', filesTotal: 0, bytesTotal: 0 } as const;
    draw(fromBatch(batch('a', state), null, 0, 1));
    expect(text()).toContain('Done');
    expect(text()).not.toContain('byte');
  });

  it('tells the name under which a file was kept', () => {
    const done = (filesTotal: number, renamed: string[]) =>
      fromBatch(
        batch('a', { state: 'done', filesTotal, results: renamed, renamed }),
        null,
        0,
        1
      );
    draw(done(1, ['data/a (1).csv']));
    expect(text()).toContain('kept as a (1).csv');
    expect(node.querySelector('[title="data/a (1).csv"]')).not.toBeNull();
    draw(done(5, ['data/a (1).csv']));
    expect(text()).toContain('one file kept as a (1).csv');
    draw(done(5, ['data/a (1).csv', 'data/b (1).csv']));
    expect(text()).toContain(
      '2 files kept under other names, such as a (1).csv'
    );
    draw(done(5, []));
    expect(text()).not.toContain('kept');
  });

  it('has a bar without value while the size is unknown', () => {
    const state = { state: 'running' as const };
    const unknown = progress({ bytes_done: 3 * MB });
    draw(fromJob(job('a', { ...state, progress: unknown }), 2 * MB));
    const bar = node.querySelector('[role="progressbar"]')!;
    expect(bar.hasAttribute('aria-valuenow')).toBe(false);
    expect(bar.className).toContain('jp-mod-unknown');
    expect(text()).toContain('3 MB');
    expect(text()).not.toContain('left');
  });

  it('tells when a planned transfer begins, and starts it now', () => {
    const reason: any = {
      ...failure('scheduled'),
      retry_at: '2031-05-06T07:08:09Z'
    };
    draw(fromJob(job('a', { reason }), null));
    expect(text()).toMatch(/Starts at May \d, 2031/);
    expect(buttons()).toContain('Start Now: a.bin');
  });

  it('shows a plan before it lets anybody say yes', () => {
    const detail = { kind: 'plan', copy: 1, replace: 0, delete: 9, bytes: 3 };
    const reason: any = failure('needs_decision', { detail });
    draw(fromJob(job('a', { kind: 'sync', state: 'waiting', reason }), null));
    expect(text()).toContain('9 files would be deleted, 1 copied (3 bytes)');
    expect(buttons()).toContain('Review…: a.bin');
    expect(buttons()).not.toContain('Approve: a.bin');
  });

  it('leads from a failure to the files that failed', () => {
    const counts = progress({ files_total: 9, files_failed: 2 });
    const reason: any = failure('remote_changed');
    draw(
      fromJob(job('a', { state: 'failed', reason, progress: counts }), null)
    );
    expect(buttons()).toContain('Show the files of a.bin');
  });

  it('names each button with its file', () => {
    draw(fromJob(running('a', 1, 2), null));
    expect(buttons()).toEqual([
      'Pause a.bin',
      'Cancel a.bin',
      'More actions for a.bin'
    ]);
    draw(fromJob(job('a', { state: 'paused' }), null));
    expect(buttons()).toContain('Resume a.bin');
    expect(buttons()).not.toContain('Pause a.bin');
  });

  it('runs the commands of its buttons', () => {
    draw(fromJob(running('a', 1, 2), null));
    click('Pause a.bin');
    click('Cancel a.bin');
    expect(run.mock.calls).toEqual([
      [CommandIDs.pause, 'job:a'],
      [CommandIDs.cancel, 'job:a']
    ]);
  });

  it('opens its context menu from the button with the dots', () => {
    draw(fromJob(running('a', 1, 2), null));
    const opened = jest.fn();
    node.addEventListener('contextmenu', opened);
    click('More actions for a.bin');
    expect(opened).toHaveBeenCalledTimes(1);
  });

  it('shows a folder as one row', () => {
    draw(
      transfer({
        kind: 'upload',
        phase: 'copying',
        name: 'photos',
        filesDone: 312,
        filesTotal: 10482,
        bytesDone: MB,
        bytesTotal: 10 * MB
      })
    );
    expect(text()).toContain('312 of 10,482 files');
    expect(text()).toContain('1 of 10 MB');
  });

  it('says what failed, what to do, and offers it', () => {
    const reason = {
      code: 'connect_failed',
      message: 'example.org cannot be reached.',
      remedy: 'Check that it runs.',
      retryable: true,
      detail: {}
    };
    draw(fromJob(job('a', { state: 'failed', reason }), null));
    expect(text()).toContain('Failed');
    expect(text()).toContain('example.org cannot be reached.');
    expect(text()).toContain('Check that it runs.');
    click('Try again: a.bin');
    expect(run).toHaveBeenCalledWith(CommandIDs.retry, 'job:a');
  });

  it('offers to try an upload again only where that can help', () => {
    const offered = (code: string, retryable: boolean) => {
      const error = failure(code, { message: 'No.', remedy: 'Do.', retryable });
      draw(fromBatch(batch('up', { state: 'failed', error }), null, 1, 2));
      expect(text()).toContain('No.');
      expect(text()).toContain('Do.');
      return buttons().includes('Try again: photos');
    };
    expect(offered('disk_full', true)).toBe(true);
    expect(offered('source_changed', false)).toBe(false);
  });

  it('counts down to the next attempt', () => {
    const reason = {
      code: 'timeout',
      message: 'Nothing came.',
      remedy: '',
      retryable: true,
      detail: { attempts: 5 },
      retry_at: new Date(Date.now() + 7500).toISOString()
    };
    draw(fromJob(job('a', { reason, attempt: 2 }), null));
    expect(text()).toContain('Retrying in 8 s (2 of 5)');
    expect(buttons()).toContain('Retry now: a.bin');
  });

  it('says whether a result was verified', () => {
    const done = {
      state: 'done' as const,
      finished: '2026-01-02T00:00:00Z',
      progress: progress({ bytes_done: MB, bytes_total: MB, files_done: 1 })
    };
    draw(fromJob(job('a', { ...done, verified: true }), null));
    expect(text()).toContain('Done');
    expect(text()).toContain('1 MB');
    expect(text()).toContain('verified ✓');
    expect(node.querySelector('time')!.dateTime).toBe(
      '2026-01-02T00:00:00.000Z'
    );
    expect(node.querySelector('[role="progressbar"]')).toBeNull();
    draw(fromJob(job('a', done), null));
    expect(text()).toContain('not verifiable');
    expect(reason()).toContain('states no checksum');
    draw(fromJob(job('a', { ...done, unverified: 'multipart_etag' }), null));
    expect(reason()).toContain('checksums of its parts');
    draw(fromJob(job('a', { ...done, unverified: 'new code' }), null));
    expect(reason()).toContain('states no checksum');
  });

  it('is a list item that can be focused', () => {
    draw(transfer());
    const row = node.querySelector('li')!;
    expect(row.tabIndex).toBe(0);
    expect(row.dataset.transferKey).toBe('job:a');
  });

  it('draws names as text, whatever they hold', () => {
    draw(transfer({ name: '<img src=x onerror=alert(1)>.csv' }));
    expect(node.querySelector('img')).toBeNull();
    expect(text()).toContain('<img src=x onerror=alert(1)>.csv');
  });

  it('shows the key of a host that is not known, and how to accept it', () => {
    const detail = {
      kind: 'host_key',
      host: 'h.example',
      fingerprint: 'SHA256:x'
    };
    draw(
      fromJob(
        job('a', {
          state: 'waiting',
          reason: { ...failure('needs_decision'), detail }
        }),
        null
      )
    );
    expect(text()).toContain('h.example');
    expect(text()).toContain('SHA256:x');
    const button = Array.from(node.querySelectorAll('jp-button, button')).find(
      each => each.textContent === 'Trust This Host'
    );
    act(() => (button as HTMLElement).click());
    expect(run).toHaveBeenCalledWith(CommandIDs.approve, 'job:a');
  });
});
