import { scrollFor, windowAt } from '../windowing';

describe('windowAt', () => {
  it('draws what is in sight and a little more', () => {
    expect(windowAt(100_000, 44, 440, 44_000)).toEqual({
      first: 992,
      end: 1018,
      top: 992 * 44,
      height: 4_400_000
    });
  });

  it('draws a short list as it is', () => {
    const all = { first: 0, end: 3, top: 0, height: 132 };
    expect(windowAt(3, 44, 440, 0)).toEqual(all);
    expect(windowAt(0, 44, 440, 0)).toEqual({ ...all, end: 0, height: 0 });
  });

  it('reaches both ends of a list that no browser can draw as high as it is', () => {
    const total = 2_000_000;
    const { height } = windowAt(total, 44, 440, 0);
    expect(height).toBeLessThan(17_000_000);
    const bottom = windowAt(total, 44, 440, height - 440);
    expect(bottom.end).toBe(total);
    // The last row ends where the content ends.
    expect(bottom.top + (total - bottom.first) * 44).toBeCloseTo(height, 3);
    const middle = windowAt(total, 44, 440, (height - 440) / 2);
    expect(Math.abs(middle.first - total / 2)).toBeLessThan(30);
  });
});

describe('scrollFor', () => {
  it('brings a row in sight, and leaves one alone that is', () => {
    expect(scrollFor(2, 100, 44, 440, 88)).toBe(88);
    expect(scrollFor(1, 100, 44, 440, 88)).toBe(44);
    expect(scrollFor(20, 100, 44, 440, 88)).toBe(21 * 44 - 440);
  });

  it('does so in a list that is too high', () => {
    const total = 2_000_000;
    for (const index of [0, 1, 777_777, total - 1]) {
      const scrolled = scrollFor(index, total, 44, 440, 4_000_000);
      const { first, end } = windowAt(total, 44, 440, scrolled);
      expect(index).toBeGreaterThanOrEqual(first);
      expect(index).toBeLessThan(end);
    }
  });
});
