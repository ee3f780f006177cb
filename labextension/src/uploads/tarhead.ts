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
 * Bytes of the header of one file.
 *
 * @param mtime - Milliseconds since the epoch.
 */
export function headLength(path: string, mtime: number): number {
  return lengthWith(recordsOf(path, mtime));
}

/**
 * Write the header of one file, or of a folder if `path` ends in a slash, at the
 * start of `target`, which is all zero.
 *
 * @param mtime - Milliseconds since the epoch.
 * @returns its bytes.
 */
export function writeHead(
  target: Uint8Array,
  path: string,
  size: number,
  mtime: number
): number {
  const extra = recordsOf(path, mtime);
  const length = lengthWith(extra);
  if (extra.length > 0) {
    fill(target, 'pax', extra.length, 0, 'x');
    target.set(extra, BLOCK);
  }
  const seconds = isWhole(mtime) ? mtime / 1000 : 0;
  const name = PLAIN_NAME.test(path) ? path : 'file';
  const type = path.endsWith('/') ? '5' : '0';
  fill(target.subarray(length - BLOCK, length), name, size, seconds, type);
  return length;
}

function lengthWith(extra: Uint8Array): number {
  const before = extra.length
    ? BLOCK + extra.length + paddingOf(extra.length)
    : 0;
  return before + BLOCK;
}

/** What does not fit in the old header. */
function recordsOf(path: string, mtime: number): Uint8Array {
  const name = PLAIN_NAME.test(path) ? '' : recordOf('path', path);
  const time = isWhole(mtime)
    ? ''
    : recordOf('mtime', (mtime / 1000).toFixed(3));
  return encoder.encode(name + time);
}

function isWhole(mtime: number): boolean {
  return mtime % 1000 === 0 && mtime >= 0 && mtime / 1000 <= MAX_MTIME;
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
  let sum = 0;
  for (let at = 0; at < BLOCK; at++) {
    sum += block[at];
  }
  put(`${octal(sum, 6)}\u0000 `, 148);
}
