import { nullTranslator } from '@jupyterlab/translation';
import { CommandRegistry } from '@lumino/commands';
import { MessageLoop } from '@lumino/messaging';
import { Signal } from '@lumino/signaling';
import { Widget } from '@lumino/widgets';
import { CommandIDs } from '../ids';
import type { IJob } from '../job';
import { TransferModel } from '../model';
import { TransferPanel } from '../panel';
import { job, running, Uploads } from './samples';

describe('TransferPanel', () => {
  const onDrop = jest.fn();
  let feed: any;
  let model: TransferModel;
  let panel: TransferPanel;

  function show(...jobs: IJob[]): void {
    feed.jobs = new Map(jobs.map(each => [each.id, each]));
    feed.changed.emit();
  }

  function drag(type: string, types: string[]): DragEvent {
    const event = new Event(type, { bubbles: true, cancelable: true });
    Object.assign(event, { dataTransfer: { types, dropEffect: 'none' } });
    panel.list.node.dispatchEvent(event);
    return event as DragEvent;
  }

  beforeEach(() => {
    onDrop.mockClear();
    const commands = new CommandRegistry();
    Object.values(CommandIDs).forEach(id =>
      commands.addCommand(id, { execute: () => undefined })
    );
    feed = { jobs: new Map(), problem: null, refresh: jest.fn() };
    feed.changed = new Signal(feed);
    model = new TransferModel({
      api: {} as any,
      feed,
      uploader: new Uploads() as any
    });
    panel = new TransferPanel({
      model,
      commands,
      translator: nullTranslator,
      dropHint: () => 'Upload to data/',
      onDrop
    });
    Widget.attach(panel, document.body);
    MessageLoop.flush();
  });

  afterEach(() => {
    panel.dispose();
    model.dispose();
  });

  it('has a badge with the number that runs', () => {
    expect(panel.title.dataset['transfers-badge']).toBe('');
    show(running('a', 1, 2), running('b', 1, 2), job('c'));
    expect(panel.title.dataset['transfers-badge']).toBe('2');
    expect(panel.title.caption).toBe('Transfers · 2 running');
    show();
    expect(panel.title.dataset['transfers-badge']).toBe('');
    expect(panel.title.caption).toBe('Transfers');
  });

  it('has a dot when something failed since the last look', () => {
    panel.hide();
    show(running('a', 1, 2));
    show(job('a', { state: 'failed' }));
    expect(panel.title.dataset['transfers-badge']).toBe('•');
    expect(panel.title.dataset['transfers-alarm']).toBe('true');
    expect(panel.title.caption).toContain('something failed');
    panel.show();
    MessageLoop.flush();
    expect(panel.title.dataset['transfers-badge']).toBe('');
  });

  it('keeps what the shell wrote on its title', () => {
    panel.title.dataset = { ...panel.title.dataset, id: 'x' };
    show(running('a', 1, 2));
    expect(panel.title.dataset.id).toBe('x');
  });

  it('takes files that are dropped, and says where they go', () => {
    const over = drag('dragover', ['Files']);
    expect(over.defaultPrevented).toBe(true);
    expect(over.dataTransfer!.dropEffect).toBe('copy');
    expect(panel.content.hasClass('jp-mod-native-drop')).toBe(true);
    expect(panel.content.node.dataset.dropHint).toBe('Upload to data/');
    const drop = drag('drop', ['Files']);
    expect(drop.defaultPrevented).toBe(true);
    expect(onDrop).toHaveBeenCalledWith(drop.dataTransfer);
    expect(panel.content.hasClass('jp-mod-native-drop')).toBe(false);
  });

  it('leaves other drags alone', () => {
    const over = drag('dragover', ['text/plain']);
    expect(over.defaultPrevented).toBe(false);
    drag('drop', ['text/plain']);
    expect(onDrop).not.toHaveBeenCalled();
  });
});
