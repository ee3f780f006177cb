/** How a verb travels: as itself, as POST with an override, as GET. */
export type Way = 'plain' | 'override' | 'get';

/** What each verb may try, the best first. */
const WAYS: Readonly<Record<string, readonly Way[]>> = {
  HEAD: ['plain', 'override', 'get'],
  PATCH: ['plain', 'override'],
  DELETE: ['plain', 'override']
};

/** Milliseconds after which what was learnt is doubted: proxies are mended. */
const LIFETIME = 7 * 24 * 3600 * 1000;

interface IMemory {
  readonly learnt: number;
  readonly ways: Record<string, Way>;
  readonly ceiling: number | null;
}

/**
 * What was learnt of the way to a server, and outlives the page: which verbs a
 * proxy blocks, how large a request may be.
 */
export class Wayfinding {
  /** @param address - Where the server is, as this page calls it. */
  constructor(address: string) {
    this._key = `jupyter-transfer:way:${address}`;
    this._memory = this._read();
  }

  /** How `verb` travels. */
  wayOf(verb: string): Way {
    return this._memory.ways[verb] ?? 'plain';
  }

  /**
   * A `way` of `verb` is blocked.
   *
   * @returns whether there is another.
   */
  blocked(verb: string, way: Way): boolean {
    if (way !== this.wayOf(verb)) {
      // Another request found out already.
      return true;
    }
    const ways = WAYS[verb] ?? ['plain'];
    const next = ways[ways.indexOf(way) + 1];
    // At the end of the list it begins anew: perhaps it was only for now.
    const known = { ...this._memory.ways, [verb]: next ?? 'plain' };
    this._write({ ways: known });
    return next !== undefined;
  }

  /** Bytes that a request may have, as proxies have refused more; null if none did. */
  get ceiling(): number | null {
    return this._memory.ceiling;
  }

  set ceiling(bytes: number | null) {
    this._write({ ceiling: bytes });
  }

  private _read(): IMemory {
    const nothing = { learnt: Date.now(), ways: {}, ceiling: null };
    try {
      const memory = JSON.parse(localStorage.getItem(this._key) ?? '');
      return Date.now() - memory.learnt < LIFETIME ? memory : nothing;
    } catch {
      return nothing;
    }
  }

  private _write(change: Partial<IMemory>): void {
    this._memory = { ...this._memory, learnt: Date.now(), ...change };
    try {
      localStorage.setItem(this._key, JSON.stringify(this._memory));
    } catch {
      // No storage: this page knows it all the same.
    }
  }

  private _key: string;
  private _memory: IMemory;
}
