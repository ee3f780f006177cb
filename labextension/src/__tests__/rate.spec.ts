import { RateFilter } from '../rate';

/** Feed a rate (bytes a second) in steps; returns the last moment. */
function feed(
  filter: RateFilter,
  rate: number,
  from: number,
  until: number,
  step = 500,
  bytes = 0
): number {
  for (let now = from; now <= until; now += step) {
    filter.update(bytes + ((now - from) / 1000) * rate, now);
  }
  return until;
}

describe('RateFilter', () => {
  it('says nothing for two seconds', () => {
    const filter = new RateFilter();
    feed(filter, 1000, 0, 1500);
    expect(filter.rate(1500)).toBeNull();
    feed(filter, 1000, 2000, 2500, 500, 2000);
    expect(filter.rate(2500)).not.toBeNull();
  });

  it('finds a steady rate exactly', () => {
    const filter = new RateFilter();
    expect(filter.rate(feed(filter, 1000, 0, 5000))).toBeCloseTo(1000, 6);
  });

  it('forgets half in two seconds', () => {
    const filter = new RateFilter();
    feed(filter, 0, 0, 60000, 2000);
    // From a standstill to 1000 bytes a second.
    feed(filter, 1000, 60000, 62000, 250);
    expect(filter.rate(62000)).toBeCloseTo(500, -1);
  });

  it('does not depend on how often it is told', () => {
    const often = new RateFilter();
    const seldom = new RateFilter();
    feed(often, 4000, 0, 10000, 50);
    feed(seldom, 4000, 0, 10000, 1000);
    expect(often.rate(10000)).toBeCloseTo(seldom.rate(10000)!, 3);
  });

  it('is not thrown off by news of others between', () => {
    const filter = new RateFilter();
    for (let now = 0; now <= 10000; now += 100) {
      // The bytes arrive twice a second, the news ten times.
      filter.update(Math.floor(now / 500) * 500, now);
    }
    expect(filter.rate(10000)).toBeCloseTo(1000, 0);
  });

  it('falls off when nothing more comes', () => {
    const filter = new RateFilter();
    feed(filter, 1000, 0, 5000);
    expect(filter.rate(6000)).toBeCloseTo(1000, 6);
    expect(filter.rate(8500)).toBeCloseTo(500, 0);
    expect(filter.rate(60000)).toBeLessThan(1);
  });

  it('starts anew when bytes go back', () => {
    const filter = new RateFilter();
    feed(filter, 1000, 0, 5000);
    filter.update(0, 5500);
    expect(filter.rate(5500)).toBeNull();
  });

  it('says nothing after a reset', () => {
    const filter = new RateFilter();
    feed(filter, 1000, 0, 5000);
    filter.reset();
    expect(filter.rate(5000)).toBeNull();
  });
});
