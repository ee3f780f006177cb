import { nullTranslator } from '@jupyterlab/translation';
import { CommandRegistry } from '@lumino/commands';
import { MessageLoop } from '@lumino/messaging';
import { Signal } from '@lumino/signaling';
import { Widget } from '@lumino/widgets';
import { act } from 'react';
import { Format } from '../format';
import { CommandIDs } from '../ids';
import type { IJob } from '../job';
import { TransferList } from '../list';
import { TransferModel } from '../model';
import { job, running, settle, Uploads } from './samples';

(globalThis as any).IS_REACT_ACT_ENVIRONMENT = true;

describe('TransferList', () => {
  let jobs: Map<string, IJob>;
  let feed: any;
  let model: TransferModel;
  let list: TransferList;
  let commands: CommandRegistry;
  const executed = jest.fn();

  function show(...shown: IJob[]): void {
    jobs = new Map(shown.map(each => [each.id, each]));
    feed.jobs = jobs;
    act(() => {
      feed.changed.emit();
      MessageLoop.flush();
    });
  }
  const rows = () =>
    Array.from(list.node.querySelectorAll<HTMLElement>('.jp-TransfersRow'));
  const press = (key: string) =>
    act(() => {
      document.activeElement!.dispatchEvent(
        new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true })
      );
      MessageLoop.flush();
    });
  const titles = () =>
    Array.from(
      list.node.querySelectorAll('.jp-TransfersSection-label'),
      each => each.textContent
    );

  beforeEach(() => {
    executed.mockClear();
    commands = new CommandRegistry();
    Object.values(CommandIDs).forEach(id =>
      commands.addCommand(id, { execute: args => executed(id, args) })
    );
    feed = { jobs: new Map(), problem: null, refresh: jest.fn() };
    feed.changed = new Signal(feed);
    model = new TransferModel({
      api: {} as any,
      feed,
      uploader: new Uploads() as any
    });
    const format = new Format(nullTranslator);
    list = new TransferList({ model, commands, format });
    act(() => {
      Widget.attach(list, document.body);
      MessageLoop.flush();
    });
  });

  afterEach(() => {
    act(() => list.dispose());
    model.dispose();
  });

  it('tells how to begin while there is nothing', () => {
    expect(list.node.textContent).toContain('drop files and folders here');
    const buttons = Array.from(list.node.querySelectorAll('button'));
    expect(buttons).toHaveLength(4);
    buttons.forEach(button => act(() => button.click()));
    expect(executed.mock.calls.map(call => call[0])).toEqual([
      CommandIDs.uploadFiles,
      CommandIDs.uploadFolder,
      CommandIDs.fromAddress,
      CommandIDs.fromFile
    ]);
  });

  it('shows only sections that hold something', () => {
    show(
      running('a', 1, 2),
      job('b', { state: 'failed', finished: '2026-01-01T00:00:00Z' })
    );
    expect(titles()).toEqual(['Running', 'Needs you']);
    show(
      job('a', { state: 'done', finished: new Date().toISOString() }),
      job('b', { state: 'done', finished: '2020-01-01T00:00:00Z' })
    );
    expect(titles()).toEqual(['Finished today', 'Finished earlier']);
  });

  it('is a list in each section, named by its title', () => {
    show(running('a', 1, 2), running('b', 1, 2));
    const ul = list.node.querySelector('ul')!;
    const title = document.getElementById(ul.getAttribute('aria-labelledby')!);
    expect(title!.textContent).toBe('Running');
    expect(ul.children).toHaveLength(2);
  });

  it('lets Tab stop at one row and the arrows move among all', () => {
    show(running('a', 1, 2), job('b'), job('c'));
    expect(rows().map(row => row.tabIndex)).toEqual([0, -1, -1]);
    act(() => rows()[0].focus());
    press('ArrowDown');
    expect(document.activeElement).toBe(rows()[1]);
    expect(model.currentKey).toBe('job:b');
    expect(rows().map(row => row.tabIndex)).toEqual([-1, 0, -1]);
    press('End');
    expect(document.activeElement).toBe(rows()[2]);
    press('ArrowDown');
    expect(document.activeElement).toBe(rows()[2]);
    press('Home');
    expect(document.activeElement).toBe(rows()[0]);
  });

  it('keeps the focus on a row that moves to another section', async () => {
    show(running('a', 1, 2), running('b', 1, 2));
    act(() => rows()[1].focus());
    show(running('a', 1, 2), job('b', { state: 'failed' }));
    await settle();
    expect(titles()).toEqual(['Running', 'Needs you']);
    expect(document.activeElement).toBe(rows()[1]);
    expect(rows()[1].dataset.phase).toBe('failed');
  });

  it('moves the focus to the neighbour of a row that goes', async () => {
    show(running('a', 1, 2), running('b', 1, 2), running('c', 1, 2));
    act(() => rows()[1].focus());
    show(running('a', 1, 2), running('c', 1, 2));
    await settle();
    expect((document.activeElement as HTMLElement).dataset.transferKey).toBe(
      'job:c'
    );
  });

  it('does not take the focus from elsewhere', async () => {
    show(running('a', 1, 2));
    const elsewhere = document.body.appendChild(
      document.createElement('button')
    );
    elsewhere.focus();
    show(job('a', { state: 'failed' }));
    await settle();
    expect(document.activeElement).toBe(elsewhere);
    elsewhere.remove();
  });

  it('runs commands on the row whose button was pressed', () => {
    show(running('a', 1, 2), running('b', 1, 2));
    act(() =>
      list.node
        .querySelector<HTMLElement>('button[aria-label="Pause b.bin"]')!
        .click()
    );
    expect(executed).toHaveBeenCalledWith(CommandIDs.pause, { key: 'job:b' });
  });

  it('folds a section', () => {
    show(running('a', 1, 2));
    const toggle = list.node.querySelector<HTMLElement>('[aria-expanded]')!;
    expect(toggle.getAttribute('aria-expanded')).toBe('true');
    act(() => {
      toggle.click();
      MessageLoop.flush();
    });
    expect(toggle.getAttribute('aria-expanded')).toBe('false');
    expect(rows()).toHaveLength(0);
  });

  it('draws a long history in steps', () => {
    show(
      ...Array.from({ length: 120 }, (_, index) =>
        job(`j${index}`, { state: 'done', finished: '2020-01-01T00:00:00Z' })
      )
    );
    expect(rows()).toHaveLength(50);
    const more = Array.from(list.node.querySelectorAll('button')).find(
      each => each.textContent === 'Show 50 more'
    )!;
    act(() => {
      more.click();
      MessageLoop.flush();
    });
    expect(rows()).toHaveLength(100);
  });

  it('says that the server is away, and keeps what it knows', () => {
    show(running('a', 1, 2));
    feed.problem = { code: 'unreachable', message: '', remedy: '' };
    act(() => {
      feed.changed.emit();
      MessageLoop.flush();
    });
    expect(list.node.textContent).toContain('cannot be reached');
    expect(rows()).toHaveLength(1);
  });
});
