/**
 * Files to move, and the proof that they arrived.
 */

import { createHash, randomBytes } from 'crypto';
import * as fs from 'fs';
import * as path from 'path';

/** Relative paths and contents; a path that ends in `/` is an empty folder. */
export type Tree = Record<string, Buffer | string>;

export const MiB = 1024 * 1024;

export function noise(bytes: number): Buffer {
  return randomBytes(bytes);
}

/** Write `tree` below `folder`. */
export function plant(folder: string, tree: Tree): void {
  for (const [name, content] of Object.entries(tree)) {
    const file = path.join(folder, name);
    fs.mkdirSync(name.endsWith('/') ? file : path.dirname(file), {
      recursive: true
    });
    if (!name.endsWith('/')) {
      fs.writeFileSync(file, content);
    }
  }
}

/**
 * What stands below `folder`: relative path and digest of each file, `/` at the
 * end of each empty folder. Nothing is left out, hidden files neither.
 */
export function harvest(folder: string): Record<string, string> {
  const found: Record<string, string> = {};
  const walk = (relative: string) => {
    const entries = fs.readdirSync(path.join(folder, relative));
    if (relative && !entries.length) {
      found[`${relative}/`] = '';
    }
    for (const entry of entries) {
      const name = path.posix.join(relative, entry);
      const status = fs.lstatSync(path.join(folder, name));
      if (status.isDirectory()) {
        walk(name);
      } else {
        found[name] = digest(fs.readFileSync(path.join(folder, name)));
      }
    }
  };
  walk('');
  return found;
}

/** What `harvest` finds where `tree` was planted. */
export function expected(tree: Tree): Record<string, string> {
  return Object.fromEntries(
    Object.entries(tree).map(([name, content]) => [
      name,
      name.endsWith('/') ? '' : digest(Buffer.from(content))
    ])
  );
}

function digest(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
