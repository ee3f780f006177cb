import { nullTranslator } from '@jupyterlab/translation';
import { Format, sameDay } from '../format';

const KB = 1024;
const MB = KB * KB;
const GB = MB * KB;

function formatIn(languageCode: string): Format {
  return new Format({
    load: domain => nullTranslator.load(domain),
    languageCode
  });
}

describe('Format', () => {
  const format = formatIn('en');

  it.each([
    [0, '0 bytes'],
    [1, '1 byte'],
    [1023, '1,023 bytes'],
    [1024, '1 kB'],
    [1536, '1.5 kB'],
    [84 * MB, '84 MB'],
    [4.8 * GB, '4.8 GB'],
    [999.9 * MB, '1 GB'],
    [5000 * GB, '4.9 TB']
  ])('%p bytes are %p', (bytes, text) => {
    expect(format.bytes(bytes)).toBe(text);
  });

  it('shows a part in the unit of the whole', () => {
    expect(format.bytesOf(1.2 * GB, 4.8 * GB)).toBe('1.2 of 4.8 GB');
    expect(format.bytesOf(10 * KB, 4.8 * GB)).toBe('0 of 4.8 GB');
    expect(format.bytesOf(1.2 * GB, null)).toBe('1.2 GB');
  });

  it('sets sentences as the language does', () => {
    expect(format.sentences('One.', '', 'Two.')).toBe('One. Two.');
    expect(formatIn('zh_CN').sentences('一。', '二。')).toBe('一。二。');
  });

  it('shows rates', () => {
    expect(format.rate(84 * MB)).toBe('84 MB/s');
    expect(format.rate(1.25 * KB)).toBe('1.3 kB/s');
  });

  it.each([
    [0.2, '1 s left'],
    [42.1, '43 s left'],
    [60, '1 min left'],
    [240, '4 min left'],
    [7500, '2 h 5 min left'],
    [3 * 24 * 3600, '3 days left']
  ])('%p seconds are %p', (seconds, text) => {
    expect(format.left(seconds)).toBe(text);
  });

  it('groups digits', () => {
    expect(format.count(10482)).toBe('10,482');
    expect(formatIn('de').count(10482)).toBe('10.482');
  });

  it('does not say 100 % before the end', () => {
    expect(format.percent(0.9999)).toBe('99%');
    expect(format.percent(1)).toBe('100%');
  });

  it("speaks JupyterLab's language", () => {
    expect(formatIn('zh_CN').locale).toBe('zh-CN');
    expect(formatIn('fr').bytes(1.5 * GB)).toMatch(/^1,5.Go$/);
  });

  it.each(['default', 'ach-UG', ''])('falls back to English for %p', code => {
    expect(formatIn(code).bytes(84 * MB)).toBe('84 MB');
  });

  it('shows the time of today, else the date', () => {
    const now = new Date(2026, 4, 17, 20, 0).getTime();
    const today = new Date(2026, 4, 17, 9, 5).getTime();
    const before = new Date(2026, 4, 16, 23, 59).getTime();
    expect(format.moment(today, now)).toMatch(/^9:05/);
    expect(format.moment(before, now)).toBe('May 16');
    expect(sameDay(today, now)).toBe(true);
    expect(sameDay(before, now)).toBe(false);
  });
});
