/**
 * Files that are on the server already, the same.
 */

import type { ITaken } from './taken';
import { base64Of, nativeDigest, Pace } from './uploads';
import type { IUploadItem } from './uploads/tokens';

/** Bytes; to send a smaller file again costs no more than to compare it. */
const LEAST = 1024 * 1024;

/** Bytes; the browser takes a digest of what is in memory. */
const MOST = 64 * 1024 * 1024;

/** Milliseconds by which one date may differ after it was a floating-point number. */
const ROUNDING = 2;

/** The SHA-256 (base64) of the file at a path of the server; null if it tells none. */
export type DigestOf = (path: string) => Promise<string | null>;

/**
 * Those among `taken` that need not be sent: size and date are those of the file
 * that is there, or the SHA-256 is.
 */
export async function findSame(
  taken: readonly ITaken[],
  digestOf: DigestOf
): Promise<ReadonlySet<IUploadItem>> {
  const same = new Set<IUploadItem>();
  const pace = new Pace();
  for (const each of taken) {
    await pace.rest();
    const { item, path, size, modified } = each;
    if (same.has(item)) {
      continue;
    }
    const file = await item.open().catch(() => null);
    if (file === null || file.size !== size) {
      continue;
    }
    const isSame =
      haveSameDate(file.lastModified, Date.parse(modified ?? '')) ||
      (await haveSameDigest(file, path, digestOf));
    if (isSame) {
      same.add(item);
    }
  }
  return same;
}

async function haveSameDigest(
  file: File,
  path: string,
  digestOf: DigestOf
): Promise<boolean> {
  // Pages from plain HTTP have none.
  const digest = nativeDigest();
  if (digest === null || file.size < LEAST || file.size > MOST) {
    return false;
  }
  try {
    const [ours, theirs] = await Promise.all([digest(file), digestOf(path)]);
    return ours !== null && theirs === base64Of(ours);
  } catch {
    // What is not proven the same is sent.
    return false;
  }
}

/** Whether two dates (milliseconds) are one, as far as both sides keep it. */
function haveSameDate(ours: number, theirs: number): boolean {
  // A file system without fractions of seconds cuts them off.
  const isCoarse = ours % 1000 === 0 || theirs % 1000 === 0;
  return isCoarse
    ? Math.floor(ours / 1000) === Math.floor(theirs / 1000)
    : Math.abs(ours - theirs) <= ROUNDING;
}
