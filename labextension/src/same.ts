/**
 * Files that are on the server already, the same.
 */

import { forEachAtMost } from './atmost';
import type { ITaken } from './taken';
import type { Digest } from './uploads';
import { base64Of, Pace } from './uploads';
import type { IUploadItem } from './uploads/tokens';

/** Bytes; to send a smaller file again costs no more than to compare it. */
const LEAST = 1024 * 1024;

/** Bytes; the browser takes a digest of what is in memory. */
const MOST = 64 * 1024 * 1024;

/** Milliseconds by which one date may differ after it was a floating-point number. */
const ROUNDING = 2;

/** Files opened at a time: more do not come quicker. */
const OPEN = 16;

/** Files of which a digest is taken at a time. */
const HASHED = 2;

/** The SHA-256 (base64) of the file at a path of the server; null if it tells none. */
export type DigestOf = (path: string) => Promise<string | null>;

/** What tells files apart whose size is the same. */
export interface IDigests {
  /** SHA-256 of a file here; null where nothing computes one. */
  readonly digest: Digest | null;
  readonly digestOf: DigestOf;
}

/** One that is there, and the file of the same size that may be the same. */
interface IPair {
  readonly there: ITaken;
  readonly file: File;
}

/**
 * Those among `taken` that need not be sent: size and date are those of the file
 * that is there, or the SHA-256 is.
 */
export async function findSame(
  taken: readonly ITaken[],
  digests: IDigests
): Promise<ReadonlySet<IUploadItem>> {
  const same = new Set<IUploadItem>();
  const doubtful: IPair[] = [];
  const pace = new Pace();
  await forEachAtMost(OPEN, taken, async there => {
    await pace.rest();
    const file = await openIfAsLarge(there);
    if (file === null) {
      return;
    }
    if (haveSameDate(file.lastModified, Date.parse(there.modified ?? ''))) {
      same.add(there.item);
    } else if (file.size >= LEAST && file.size <= MOST) {
      doubtful.push({ there, file });
    }
  });
  await forEachAtMost(HASHED, doubtful, async pair => {
    const { item } = pair.there;
    if (!same.has(item) && (await haveSameDigest(pair, digests))) {
      same.add(item);
    }
  });
  return same;
}

/** The file of this computer; null if it cannot be read or has another size. */
async function openIfAsLarge({ item, size }: ITaken): Promise<File | null> {
  if (item.size !== null && item.size !== size) {
    return null;
  }
  const file = await item.open().catch(() => null);
  return file?.size === size ? file : null;
}

async function haveSameDigest(
  { there, file }: IPair,
  { digest, digestOf }: IDigests
): Promise<boolean> {
  if (digest === null) {
    return false;
  }
  try {
    const [ours, theirs] = await Promise.all([
      digest(file),
      digestOf(there.path)
    ]);
    return ours !== null && theirs === base64Of(ours);
  } catch {
    // What is not proven the same is sent.
    return false;
  }
}

/** Whether two dates (milliseconds) are one, as far as both sides keep it. */
function haveSameDate(ours: number, theirs: number): boolean {
  if (Math.abs(ours - theirs) <= ROUNDING) {
    return true;
  }
  // A file system without fractions of seconds cuts them off.
  const isCoarse = ours % 1000 === 0 || theirs % 1000 === 0;
  return isCoarse && Math.floor(ours / 1000) === Math.floor(theirs / 1000);
}
