/** POSIX.1-2001 tar ("pax"): what stands before each file. */

/** Bytes; everything in a tar stands at a multiple of it. */
export const BLOCK = 512;

/** What a name of the old header may have; anything else goes to a pax record. */
const PLAIN_NAME = /^[\x20-\x7e]{1,100}$/;

/** Seconds; more does not fit in 11 octal digits. */
const MAX_MTIME = 0o77777777777;

const encoder = new TextEncoder();

/** Bytes from the end of `size` bytes to the next block. */
export function paddingOf(size: number): number {
  return (BLOCK - (size % BLOCK)) % BLOCK;
}

/**
 * The header of one file.
 *
 * @param mtime - Milliseconds since the epoch.
 */
export function headOf(
  path: string,
  size: number,
  mtime: number
): Uint8Array<ArrayBuffer> {
  const isPlain = PLAIN_NAME.test(path);
  const isWhole = mtime % 1000 === 0 && mtime >= 0 && mtime / 1000 <= MAX_MTIME;
  const records: string[] = [];
  if (!isPlain) {
    records.push(recordOf('path', path));
  }
  if (!isWhole) {
    records.push(recordOf('mtime', (mtime / 1000).toFixed(3)));
  }
  const extra = encoder.encode(records.join(''));
  const before = extra.length
    ? BLOCK + extra.length + paddingOf(extra.length)
    : 0;
  const head = new Uint8Array(before + BLOCK);
  if (before) {
    fill(head.subarray(0, BLOCK), 'pax', extra.length, 0, 'x');
    head.set(extra, BLOCK);
  }
  const seconds = isWhole ? mtime / 1000 : 0;
  fill(head.subarray(before), isPlain ? path : 'file', size, seconds, '0');
  return head;
}

/** `<length> <key>=<value>\n`, where the length counts itself. */
function recordOf(key: string, value: string): string {
  const rest = encoder.encode(` ${key}=${value}\n`).length;
  let length = rest + String(rest).length;
  length = rest + String(length).length;
  return `${length} ${key}=${value}\n`;
}

function fill(
  block: Uint8Array,
  name: string,
  size: number,
  mtime: number,
  type: string
): void {
  const put = (text: string, at: number) =>
    encoder.encodeInto(text, block.subarray(at));
  const octal = (value: number, digits: number) =>
    value.toString(8).padStart(digits, '0');
  put(name, 0);
  put('0000644', 100);
  put('0000000', 108);
  put('0000000', 116);
  put(octal(size, 11), 124);
  put(octal(mtime, 11), 136);
  // The sum counts its own place as blanks.
  put('        ', 148);
  put(type, 156);
  put('ustar\u000000', 257);
  const sum = block.reduce((total, byte) => total + byte, 0);
  put(`${octal(sum, 6)}\u0000 `, 148);
}
