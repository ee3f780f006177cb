/**
 * Files that are on the server already, the same.
 */

import { PathExt } from '@jupyterlab/coreutils';
import type { ITaken } from './conflict';
import { base64Of, nativeDigest, Pace } from './uploads';
import type { IUploadItem } from './uploads/tokens';

/** Bytes; to send a smaller file again costs no more than to compare it. */
const LEAST = 1024 * 1024;

/** Bytes; the browser takes a digest of what is in memory. */
const MOST = 64 * 1024 * 1024;

/** The SHA-256 (base64) of the file at a path of the server; null if it tells none. */
export type DigestOf = (path: string) => Promise<string | null>;

/**
 * Those among `taken`, below `destination`, that need not be sent: size and date
 * (to the second, which all file systems keep) are those of the file that is
 * there, or the SHA-256 is.
 */
export async function findSame(
  taken: readonly ITaken[],
  destination: string,
  digestOf: DigestOf
): Promise<ReadonlySet<IUploadItem>> {
  const same = new Set<IUploadItem>();
  const pace = new Pace();
  for (const each of taken) {
    await pace.rest();
    const { item, size, modified } = each;
    const file = await item.open().catch(() => null);
    if (file === null || file.size !== size) {
      continue;
    }
    const path = PathExt.join(destination, item.relativePath);
    const isSame =
      seconds(file.lastModified) === seconds(Date.parse(modified ?? '')) ||
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

function seconds(milliseconds: number): number {
  return Math.floor(milliseconds / 1000);
}
