import { TransferError } from '../api';
import { Prober } from '../prober';
import { settle } from './samples';

describe('Prober', () => {
  const probe = jest.fn();
  let prober: Prober;

  beforeEach(() => {
    jest.useFakeTimers();
    probe.mockReset().mockImplementation(async url => ({ title: url }));
    prober = new Prober(probe);
  });

  afterEach(() => {
    prober.dispose();
    jest.useRealTimers();
  });

  it('waits for a pause in typing', async () => {
    prober.look('https://example.org/a');
    await jest.advanceTimersByTimeAsync(300);
    prober.look('https://example.org/ab');
    await jest.advanceTimersByTimeAsync(300);
    expect(probe).not.toHaveBeenCalled();
    expect(prober.result.state).toBe('looking');
    await jest.advanceTimersByTimeAsync(100);
    expect(probe.mock.calls).toEqual([['https://example.org/ab', {}]]);
    expect(prober.result).toMatchObject({ state: 'found' });
  });

  it('does not ask about half an address', async () => {
    for (const text of ['', 'h', 'https', 'https:', 'https://', 'data/a.csv']) {
      prober.look(text);
      await jest.advanceTimersByTimeAsync(1000);
    }
    expect(probe).not.toHaveBeenCalled();
    expect(prober.result.state).toBe('empty');
  });

  it('asks again when options change, not when nothing does', async () => {
    prober.look('https://example.org/a', { user: 'u' });
    await jest.advanceTimersByTimeAsync(400);
    prober.look('https://example.org/a', { user: 'u' });
    await jest.advanceTimersByTimeAsync(400);
    prober.look('https://example.org/a', { user: 'v' });
    await jest.advanceTimersByTimeAsync(400);
    expect(probe.mock.calls.map(([, options]) => options.user)).toEqual([
      'u',
      'v'
    ]);
  });

  it('forgets the answer to what was typed before', async () => {
    let answer: (value: unknown) => void = () => undefined;
    probe.mockImplementationOnce(
      () => new Promise(resolve => (answer = resolve))
    );
    prober.look('https://example.org/slow');
    await jest.advanceTimersByTimeAsync(400);
    prober.look('https://example.org/fast');
    await jest.advanceTimersByTimeAsync(400);
    answer({ title: 'slow' });
    await settle();
    expect(prober.result).toMatchObject({
      probe: { title: 'https://example.org/fast' }
    });
  });

  it('says why nothing was found', async () => {
    probe.mockRejectedValueOnce(new TransferError({ code: 'dns_failed' }));
    prober.look('https://nowhere.example');
    await jest.advanceTimersByTimeAsync(400);
    expect(prober.result).toMatchObject({
      state: 'failed',
      error: { code: 'dns_failed' }
    });
  });
});
