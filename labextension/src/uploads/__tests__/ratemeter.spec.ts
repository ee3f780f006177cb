import { RateMeter } from '../ratemeter';

describe('RateMeter', () => {
  let now = 0;
  let meter: RateMeter;

  const run = (seconds: number, bytesPerSecond: number) => {
    for (let step = 0; step < seconds * 20; step++) {
      now += 50;
      meter.add(bytesPerSecond / 20);
    }
  };

  beforeEach(() => {
    now = 1_700_000_000_000;
    jest.spyOn(Date, 'now').mockImplementation(() => now);
    meter = new RateMeter();
    meter.add(0);
  });

  afterEach(() => {
    jest.restoreAllMocks();
  });

  it('shows a steady rate from the first second on', () => {
    run(1, 1000);
    expect(meter.rate).toBeCloseTo(1000, -2);
    run(10, 1000);
    expect(meter.rate).toBeCloseTo(1000, -1);
  });

  it('forgets half in two seconds', () => {
    run(20, 1000);
    run(2, 0);
    expect(meter.rate).toBeGreaterThan(400);
    expect(meter.rate).toBeLessThan(600);
  });

  it('falls to nothing when nothing moves', () => {
    run(5, 1000);
    now += 60_000;
    expect(meter.rate).toBeLessThan(1);
  });

  it('does not count a request that begins anew', () => {
    run(5, 1000);
    meter.add(-1e9);
    run(1, 1000);
    expect(meter.rate).toBeGreaterThan(900);
  });
});
