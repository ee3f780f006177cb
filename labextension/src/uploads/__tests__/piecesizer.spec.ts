import { UploadError } from '../errors';
import { PieceSizer } from '../piecesizer';

const KIB = 1024;
const MIB = 1024 * KIB;

describe('PieceSizer', () => {
  let sizer: PieceSizer;

  /** Send pieces at `rate` bytes a second until the size stays. */
  const settle = (rate: number) => {
    for (let n = 0; n < 20; n++) {
      sizer.succeeded(sizer.size, (sizer.size / rate) * 1000);
    }
  };

  beforeEach(() => {
    sizer = new PieceSizer(10_000, { ceiling: null });
  });

  it('starts below what the strictest proxies take', () => {
    expect(sizer.size).toBeLessThan(MIB);
  });

  it.each([100 * KIB, MIB, 20 * MIB])(
    'aims at ten seconds a piece at %d bytes a second',
    rate => {
      settle(rate);
      expect(sizer.size / rate).toBeGreaterThan(8);
      expect(sizer.size / rate).toBeLessThan(12);
    }
  );

  it('has a ceiling', () => {
    settle(1000 * MIB);
    expect(sizer.size).toBe(256 * MIB);
  });

  it('grows step by step', () => {
    const before = sizer.size;
    sizer.succeeded(before, 1);
    expect(sizer.size).toBe(4 * before);
  });

  it('learns nothing from the tail of a file', () => {
    settle(MIB);
    const before = sizer.size;
    sizer.succeeded(1000, 5000);
    expect(sizer.size).toBe(before);
  });

  it('shrinks when the way gets slower', () => {
    settle(20 * MIB);
    settle(100 * KIB);
    expect(sizer.size).toBeLessThan(2 * MIB);
  });

  it('never again tries what a proxy refused', () => {
    settle(20 * MIB);
    const refused = sizer.size;
    sizer.refused(refused);
    expect(sizer.size).toBeLessThanOrEqual(refused / 2);
    settle(1000 * MIB);
    expect(sizer.size).toBeLessThan(refused);
  });

  it('halves once when several requests break together', () => {
    settle(1000 * MIB);
    for (let n = 0; n < 4; n++) {
      sizer.broke(256 * MIB);
    }
    expect(sizer.size).toBe(128 * MIB);
  });

  it('is back at once after a break that had another reason', () => {
    settle(1000 * MIB);
    sizer.broke(256 * MIB);
    sizer.succeeded(128 * MIB, 1);
    expect(sizer.size).toBe(256 * MIB);
    sizer.succeeded(256 * MIB, 1);
    sizer.broke(256 * MIB);
    sizer.succeeded(128 * MIB, 1);
    expect(sizer.size).toBe(256 * MIB);
  });

  it('keeps below a size that breaks again and again, but not for ever', () => {
    const limit = 3 * MIB;
    let breaks = 0;
    let sent = 0;
    for (let n = 0; n < 40; n++) {
      sent += 1;
      if (sizer.size > limit) {
        breaks += 1;
        sizer.broke(sizer.size);
      } else {
        sizer.succeeded(sizer.size, 1);
      }
    }
    expect(breaks).toBeGreaterThan(1);
    expect(breaks).toBeLessThan(sent / 5);
    settle(1000 * MIB);
    settle(1000 * MIB);
    settle(1000 * MIB);
    settle(1000 * MIB);
    expect(sizer.size).toBeGreaterThan(limit);
  });

  it('does not go below its smallest', () => {
    for (let n = 0; n < 20; n++) {
      sizer.refused(sizer.size);
    }
    expect(sizer.size).toBe(sizer.smallest);
  });

  it('remembers what proxies refused', () => {
    const memory = { ceiling: null };
    new PieceSizer(10_000, memory).refused(400 * KIB);
    expect(memory.ceiling).toBe(200 * KIB);
    const next = new PieceSizer(10_000, memory);
    expect(next.size).toBeLessThanOrEqual(200 * KIB);
    next.succeeded(next.size, 1);
    expect(next.size).toBeLessThanOrEqual(200 * KIB);
  });

  it.each([
    ['refused as too large', { status: 413, code: 'refused' }, 0, true],
    ['that timed out', { status: 408, code: 'timeout' }, 0, true],
    ['broken on its way', { status: 0, code: 'connection_lost' }, 1, true],
    ['that never left', { status: 0, code: 'connection_lost' }, 0, false],
    ['without room', { status: 413, code: 'too_large' }, 9, false]
  ])('learns from a request %s', (_, what, sent, isSmaller) => {
    const before = sizer.size;
    const error = new UploadError({ message: '', remedy: '', ...what });
    sizer.failed(error, before, sent);
    expect(sizer.size < before).toBe(isSmaller);
  });

  it('gives up where the smallest is refused', () => {
    const error = new UploadError({
      ...{ status: 413, code: 'refused', message: '', remedy: '' }
    });
    expect(() => sizer.failed(error, sizer.smallest, 0)).toThrow(
      'even the smallest'
    );
  });
});
