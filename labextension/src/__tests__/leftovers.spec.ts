import { TransferError } from '../api';
import { Format } from '../format';
import type { IRemain } from '../leftovers';
import { Leftovers } from '../leftovers';
import { showLeftovers } from '../leftoversdialog';
import { leftoverName, leftoverTotals } from '../leftoverwords';
import { dialogShown, press } from './samples';

function remain(id: string, change: Partial<IRemain> = {}): IRemain {
  return {
    id,
    path: `data/.jupyter-transfer/${id}`,
    size: 2048,
    modified: '2026-01-02T03:04:05.000Z',
    where: 'disk',
    ...change
  };
}

const AT_SERVICE = remain('job-1', {
  path: 's3://bucket/big.bin',
  size: null,
  where: 'service'
});

const HELD = new TransferError({
  code: 'conflict',
  message: 'A process holds it.',
  remedy: 'Wait.'
});

describe('leftovers', () => {
  let there: IRemain[];
  let complete: boolean;
  const refused = new Map<string, TransferError>();
  const removed = jest.fn();
  const api = {
    leftovers: jest.fn(async () => ({
      leftovers: [...there],
      bytes: 0,
      complete
    })),
    removeLeftover: jest.fn(async (id: string, forget = false) => {
      const refusal = refused.get(id);
      if (refusal && !forget) {
        throw refusal;
      }
      there = there.filter(each => each.id !== id);
      removed(id, forget);
    })
  };

  beforeEach(() => {
    jest.clearAllMocks();
    refused.clear();
    complete = true;
    there = [
      remain('a', { size: 4096 }),
      remain('b', { path: '.jupyter-transfer/b' }),
      AT_SERVICE
    ];
  });

  it('are named by the folder or the address where they lie', () => {
    expect(there.map(leftoverName)).toEqual([
      'data/',
      '/',
      's3://bucket/big.bin'
    ]);
  });

  describe('as a list', () => {
    const format = new Format();
    let leftovers: Leftovers;
    const ids = () => leftovers.entries!.map(each => each.id);

    beforeEach(async () => {
      leftovers = new Leftovers(api);
      await leftovers.look();
    });

    it('add up what lies where', () => {
      expect(leftoverTotals(leftovers, format)).toBe(
        '3 leftovers · 6 kB on the disk'
      );
    });

    it('go one by one, and what is gone already is no failure', async () => {
      const [a, b] = leftovers.entries!;
      refused.set('b', new TransferError({ code: 'not_found' }));
      await leftovers.clean(a);
      await leftovers.clean(b);
      expect(ids()).toEqual(['job-1']);
      expect(leftovers.cleaned).toEqual({ count: 1, bytes: 4096 });
    });

    it('stay with the reason when they cannot be removed', async () => {
      refused.set('a', HELD);
      await leftovers.cleanAll();
      expect(ids()).toEqual(['a']);
      expect(leftovers.failure(leftovers.entries![0])).toBe(HELD);
      expect(leftovers.progress).toBeNull();
      expect(leftoverTotals(leftovers, format)).toContain(
        'one could not be removed'
      );
      refused.clear();
      await leftovers.clean(leftovers.entries![0]);
      expect(leftoverTotals(leftovers, format)).toBe(
        'All clean: 3 leftovers were removed (6 kB).'
      );
    });

    it('can be forgotten only where a service cannot be asked', () => {
      const [a] = leftovers.entries!;
      const asked = { ...AT_SERVICE, size: 5 };
      expect(
        [a, AT_SERVICE, asked].map(each => leftovers.canForget(each))
      ).toEqual([false, true, false]);
    });

    it('are not all clean where the server did not look everywhere', async () => {
      complete = false;
      await leftovers.look();
      await leftovers.cleanAll();
      expect(leftoverTotals(leftovers, format)).toBe(
        '3 leftovers were removed (6 kB).'
      );
    });

    it('stay when the dialog is closed before their turn', async () => {
      there = Array.from({ length: 20 }, (_, n) => remain(`r${n}`));
      await leftovers.look();
      const done = leftovers.cleanAll();
      leftovers.dispose();
      await done;
      expect(removed.mock.calls.length).toBeLessThanOrEqual(4);
      expect(there.length).toBeGreaterThanOrEqual(16);
    });

    it('say why they could not be listed, and keep what is known', async () => {
      api.leftovers.mockRejectedValueOnce(HELD);
      await leftovers.look();
      expect(leftovers.problem).toBe(HELD);
      expect(ids()).toHaveLength(3);
      await leftovers.look();
      expect(leftovers.problem).toBeNull();
    });
  });

  describe('in the dialog', () => {
    let done: Promise<void>;
    let dialog: HTMLElement;
    const rows = () => [...dialog.querySelectorAll<HTMLElement>('[role=row]')];
    const grid = () => dialog.querySelector<HTMLElement>('[role=grid]')!;
    const status = () => dialog.querySelector('[role=status]')!.textContent;
    const named = (name: string) =>
      [...dialog.querySelectorAll<HTMLButtonElement>('button')].find(
        each => (each.getAttribute('aria-label') ?? each.textContent) === name
      )!;
    const until = async (holds: () => boolean) => {
      const end = Date.now() + 3000;
      while (!holds() && Date.now() < end) {
        await new Promise(resolve => setTimeout(resolve, 5));
      }
      expect(holds()).toBe(true);
    };
    const open = async (selector = '[role=row]') => {
      done = showLeftovers(api, new Format());
      dialog = await dialogShown(selector);
    };

    afterEach(async () => {
      press(dialog, 'Close');
      await done;
    });

    it('show where, how much and since when', async () => {
      await open();
      expect(rows()).toHaveLength(3);
      expect(rows()[0].textContent).toContain('data/');
      expect(rows()[0].textContent).toContain('4 kB');
      expect(rows()[0].textContent).toMatch(/last written to Jan 2, 2026/);
      expect(rows()[2].textContent).toContain('unknown size');
      expect(grid().getAttribute('aria-rowcount')).toBe('3');
      expect(grid().getAttribute('aria-activedescendant')).toBe(rows()[0].id);
    });

    it('are cleaned by their buttons, and the list keeps the focus', async () => {
      await open();
      const button = named('Clean data/.jupyter-transfer/a');
      button.focus();
      button.click();
      await until(() => rows().length === 2);
      expect(removed.mock.calls).toEqual([['a', false]]);
      expect(document.activeElement).toBe(grid());
    });

    it('are reached by the keys, one row at a time', async () => {
      await open();
      const key = (name: string) =>
        grid().dispatchEvent(
          new KeyboardEvent('keydown', { key: name, bubbles: true })
        );
      const stops = () =>
        rows().map(row => row.querySelector('button')!.tabIndex);
      expect(stops()).toEqual([0, -1, -1]);
      key('ArrowDown');
      await until(() => stops()[1] === 0);
      expect(rows()[1].getAttribute('aria-selected')).toBe('true');
      key('Delete');
      await until(() => rows().length === 2);
      expect(removed.mock.calls).toEqual([['b', false]]);
    });

    it('leave Enter to the button that has the focus', async () => {
      await open();
      const enter = (target: HTMLElement) => {
        const init = { key: 'Enter', bubbles: true, cancelable: true };
        const event = new KeyboardEvent('keydown', init);
        target.focus();
        target.dispatchEvent(event);
        return event.defaultPrevented;
      };
      expect(enter(named('Clean data/.jupyter-transfer/a'))).toBe(false);
      expect(enter(grid())).toBe(false);
      expect(document.querySelector('.jp-Dialog')).toBe(dialog);
    });

    it('are forgotten where the service does not answer', async () => {
      await open();
      refused.set(
        'job-1',
        new TransferError({ code: 'connect_failed', message: 'No answer.' })
      );
      named('Clean s3://bucket/big.bin').click();
      await until(() => rows()[2].textContent!.includes('Not removed'));
      expect(rows()[2].textContent).toContain('No answer.');
      named('Forget s3://bucket/big.bin').click();
      await until(() => rows().length === 2);
      expect(removed.mock.calls).toEqual([['job-1', true]]);
      expect(named('Forget data/.jupyter-transfer/a')).toBeUndefined();
      // The list becomes empty; the service is not clean.
      named('Clean data/.jupyter-transfer/a').click();
      named('Clean .jupyter-transfer/b').click();
      await until(() => rows().length === 0);
      expect(status()).toBe(
        '2 leftovers were removed (6 kB). ' +
          'One is only off this list: it still lies at its service.'
      );
    });

    it('are all removed after a yes only', async () => {
      await open();
      named('Clean All…').click();
      await until(() => named('Keep Them') !== undefined);
      expect(document.activeElement).toBe(named('Keep Them'));
      expect(dialog.textContent).toContain(
        'Remove all of this for good? (3 leftovers · 6 kB on the disk)'
      );
      named('Keep Them').click();
      await until(() => named('Keep Them') === undefined);
      expect(document.activeElement).toBe(named('Clean All…'));
      expect(removed).not.toHaveBeenCalled();
      named('Clean All…').click();
      await until(() => named('Remove All') !== undefined);
      named('Remove All').click();
      await until(() => status()!.startsWith('All clean'));
      expect(rows()).toHaveLength(0);
      expect(document.activeElement!.textContent).toBe(status());
    });

    it('are none: a sentence says so', async () => {
      there = [];
      await open('.jp-TransfersFound-hint');
      expect(status()).toBe('There are no leftovers.');
      expect(named('Clean All…').disabled).toBe(true);
    });

    it('tell when there may be more', async () => {
      complete = false;
      await open();
      expect(dialog.textContent).toContain('there may be more');
    });

    it('are in the page only as far as they are in sight', async () => {
      there = Array.from({ length: 10_000 }, (_, n) => remain(`r${n}`));
      await open();
      expect(rows().length).toBeLessThan(40);
      expect(grid().getAttribute('aria-rowcount')).toBe('10000');
      // The button that has the focus leaves the page with its row.
      rows()[0].querySelector('button')!.focus();
      grid().scrollTop = 44_000;
      grid().dispatchEvent(new Event('scroll', { bubbles: true }));
      await until(() => rows()[0].getAttribute('aria-rowindex') !== '1');
      expect(document.activeElement).toBe(grid());
    });
  });
});
