/** Reading tars for the tests, apart from the code that makes them. */

export interface IMember {
  readonly name: string;
  readonly isFolder: boolean;
  readonly data: Buffer;
  /** Milliseconds since the epoch. */
  readonly mtime: string;
}

/** The members that are whole in the first bytes of a tar. */
export function readTar(tar: Buffer): IMember[] {
  const members: IMember[] = [];
  let records: Record<string, string> = {};
  for (let at = 0; at + 512 <= tar.length;) {
    const head = tar.subarray(at, at + 512);
    if (head.every(byte => byte === 0)) {
      break;
    }
    check(head);
    const size = octal(head, 124, 12);
    const end = at + 512 + Math.ceil(size / 512) * 512;
    if (end > tar.length) {
      break;
    }
    const data = tar.subarray(at + 512, at + 512 + size);
    if (text(head, 156, 1) === 'x') {
      records = readRecords(data);
    } else {
      const name = records.path ?? text(head, 0, 100);
      const seconds = Number(records.mtime ?? octal(head, 136, 12));
      const mtime = String(Math.round(seconds * 1000));
      const isFolder = text(head, 156, 1) === '5';
      if (isFolder && size > 0) {
        throw new Error('a folder that has bytes');
      }
      members.push({ name, isFolder, data, mtime });
      records = {};
    }
    at = end;
  }
  return members;
}

function readRecords(data: Buffer): Record<string, string> {
  const records: Record<string, string> = {};
  for (let at = 0; at < data.length;) {
    const blank = data.indexOf(' ', at);
    const length = Number(data.subarray(at, blank).toString());
    const record = data.subarray(blank + 1, at + length).toString('utf8');
    if (!record.endsWith('\n')) {
      throw new Error('a pax record of a wrong length');
    }
    const equals = record.indexOf('=');
    records[record.slice(0, equals)] = record.slice(equals + 1, -1);
    at += length;
  }
  return records;
}

function check(head: Buffer): void {
  const blank = Buffer.from(head).fill(' ', 148, 156);
  const sum = blank.reduce((total, byte) => total + byte, 0);
  if (sum !== octal(head, 148, 8) || text(head, 257, 8) !== 'ustar') {
    throw new Error('not a header of a tar');
  }
}

function octal(head: Buffer, at: number, length: number): number {
  return parseInt(text(head, at, length).trim(), 8);
}

function text(head: Buffer, at: number, length: number): string {
  return head
    .subarray(at, at + length)
    .toString('latin1')
    .split('\0')[0];
}
