/**
 * Sizes, rates, times and counts in JupyterLab's language.
 *
 * A kilobyte is 1024 bytes, as in the file browser beside the panel, so that
 * the same file shows the same size in both.
 */

import type { ITranslator, TranslationBundle } from '@jupyterlab/translation';
import { nullTranslator } from '@jupyterlab/translation';

export const DOMAIN = 'jupyter_transfer';

const UNITS = ['byte', 'kilobyte', 'megabyte', 'gigabyte', 'terabyte'];
const DAY = 24 * 3600;

export class Format {
  constructor(translator: ITranslator = nullTranslator) {
    this.trans = translator.load(DOMAIN);
    this.locale = supportedLocale(translator.languageCode);
  }

  readonly trans: TranslationBundle;

  /** BCP 47 language of all numbers and times. */
  readonly locale: string;

  /** `4.8 GB` */
  bytes(value: number): string {
    const { unit, divisor } = scale(value);
    return this._number(value / divisor, unit);
  }

  /** `1.2 of 4.8 GB`; `1.2 GB` while the total is unknown. */
  bytesOf(done: number, total: number | null): string {
    if (total === null) {
      return this.bytes(done);
    }
    const { divisor } = scale(total);
    return this.trans.__(
      '%1 of %2',
      this._number(done / divisor),
      this.bytes(total)
    );
  }

  /** `84 MB/s` */
  rate(bytesPerSecond: number): string {
    const { unit, divisor } = scale(bytesPerSecond);
    return this._number(bytesPerSecond / divisor, `${unit}-per-second`);
  }

  /** `43 s left`, `4 min left`, `2 h 5 min left` */
  left(seconds: number): string {
    const { trans } = this;
    const total = Math.max(1, Math.ceil(seconds));
    if (total < 60) {
      return trans.__('%1 s left', this.count(total));
    }
    const minutes = Math.round(total / 60);
    if (minutes < 60) {
      return trans.__('%1 min left', this.count(minutes));
    }
    const hours = Math.floor(minutes / 60);
    if (total >= 2 * DAY) {
      return trans.__('%1 days left', this.count(Math.round(total / DAY)));
    }
    return trans.__(
      '%1 h %2 min left',
      this.count(hours),
      this.count(minutes % 60)
    );
  }

  /** `10,482` */
  count(value: number): string {
    return this._number(value, undefined, 0);
  }

  /** `63%` of a fraction, never 100 % before all is done. */
  percent(fraction: number): string {
    const floor = Math.floor(Math.min(1, Math.max(0, fraction)) * 100) / 100;
    return new Intl.NumberFormat(this.locale, { style: 'percent' }).format(
      floor
    );
  }

  /** The time of day if the moment is today, else the date. */
  moment(time: number, now: number = Date.now()): string {
    const options: Intl.DateTimeFormatOptions = sameDay(time, now)
      ? { hour: 'numeric', minute: '2-digit' }
      : { day: 'numeric', month: 'short' };
    return new Intl.DateTimeFormat(this.locale, options).format(time);
  }

  /** Date and time in full, for tooltips and comparisons. */
  dateTime(time: number): string {
    return new Intl.DateTimeFormat(this.locale, {
      dateStyle: 'medium',
      timeStyle: 'short'
    }).format(time);
  }

  /** Sentences one behind the other; Chinese sets no blank between them. */
  sentences(...all: readonly string[]): string {
    return all.filter(Boolean).join(this.locale.startsWith('zh') ? '' : ' ');
  }

  private _number(value: number, unit?: string, digits?: number): string {
    const inBytes = unit?.startsWith('byte') ?? false;
    const fraction = digits ?? (inBytes || value >= 9.95 ? 0 : 1);
    return new Intl.NumberFormat(this.locale, {
      maximumFractionDigits: fraction,
      ...(unit
        ? {
            style: 'unit',
            unit,
            unitDisplay: unit === 'byte' ? 'long' : 'short'
          }
        : {})
    }).format(value);
  }
}

/** Whether two moments (milliseconds) fall on one day of the person's clock. */
export function sameDay(one: number, other: number): boolean {
  return new Date(one).toDateString() === new Date(other).toDateString();
}

function scale(value: number): { unit: string; divisor: number } {
  let power = 0;
  // 1023.5 would round to 1024 of the smaller unit.
  while (
    power < UNITS.length - 1 &&
    value / Math.pow(1024, power) >= (power ? 999.5 : 1024)
  ) {
    power += 1;
  }
  return { unit: UNITS[power], divisor: Math.pow(1024, power) };
}

function supportedLocale(code: string | undefined): string {
  const tag = (code ?? '').replace('_', '-');
  try {
    return Intl.NumberFormat.supportedLocalesOf(tag)[0] ?? 'en';
  } catch {
    // 'default' and the pseudo-languages are no BCP 47 tags.
    return 'en';
  }
}
