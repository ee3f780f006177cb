import { Connectivity } from '../connectivity';

describe('Connectivity', () => {
  const signal = new AbortController().signal;
  let connectivity: Connectivity;

  const setOnline = (value: boolean) => {
    jest.spyOn(navigator, 'onLine', 'get').mockReturnValue(value);
  };

  beforeEach(() => {
    connectivity = new Connectivity('https://hub.example/user/me/');
  });

  afterEach(() => {
    connectivity.dispose();
    jest.restoreAllMocks();
  });

  it('believes the browser, unless the server is on this computer', () => {
    setOnline(false);
    expect(connectivity.isOffline).toBe(true);
    for (const host of ['localhost:8888', '127.0.0.1:8888', '[::1]:8888']) {
      const local = new Connectivity(`http://${host}/`);
      expect(local.isOffline).toBe(false);
      local.dispose();
    }
    setOnline(true);
    expect(connectivity.isOffline).toBe(false);
  });

  it('ends pauses when the network comes back', async () => {
    const pause = connectivity.pause(1e6, signal, true);
    window.dispatchEvent(new Event('online'));
    await pause;
  });

  it('ends pauses when another finds the server, but not those the server asked for', async () => {
    let isOver = false;
    const abort = new AbortController();
    const asked = connectivity
      .pause(1e6, abort.signal, false)
      .then(() => (isOver = true));
    const waiting = connectivity.pause(1e6, signal, true);
    connectivity.serverFound();
    await waiting;
    expect(isOver).toBe(false);
    abort.abort();
    await asked;
  });

  it('does not pause for one who was stopped before', async () => {
    const abort = new AbortController();
    abort.abort();
    await connectivity.pause(1e6, abort.signal, true);
  });
});
