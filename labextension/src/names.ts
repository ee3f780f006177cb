/**
 * Names of files and folders as people read them.
 */

const ADDRESS = /^[a-z][a-z0-9+.-]*:\/\//i;

/** Whether `text` is an address of a service, and no path of this server. */
export function isAddress(text: string): boolean {
  return ADDRESS.test(text);
}

/** The last part of a path; of an address it is decoded, without its query. */
export function baseName(address: string): string {
  if (!ADDRESS.test(address)) {
    const path = address.replace(/\/+$/, '');
    return path.slice(path.lastIndexOf('/') + 1);
  }
  const parts = address
    .replace(ADDRESS, '')
    .replace(/[?#].*$/, '')
    .split('/')
    .filter(part => part !== '');
  const last = parts[parts.length - 1] ?? address;
  try {
    return decodeURIComponent(last);
  } catch {
    return last;
  }
}

/** The folder part of a path; '' is the root. */
export function folderOf(path: string): string {
  const plain = path.replace(/\/+$/, '');
  const cut = plain.lastIndexOf('/');
  return cut < 0 ? '' : plain.slice(0, cut);
}

/** A name in two parts, of which only the first may be shortened. */
export interface ISplitName {
  readonly head: string;
  readonly tail: string;
}

const TAIL = 10;
const EXTENSION = /(\.tar)?\.[^.\s]{1,12}$/i;

/**
 * Cut a name so that an ellipsis in the middle keeps what tells files apart:
 * the extension and the characters before it (`…-0042.tar.gz`).
 */
export function splitName(name: string): ISplitName {
  const characters = Array.from(name);
  if (characters.length <= TAIL + 2) {
    return { head: name, tail: '' };
  }
  const extension = EXTENSION.exec(name)?.[0] ?? '';
  const length = Math.max(TAIL, Array.from(extension).length + 3);
  return {
    head: characters.slice(0, -length).join(''),
    tail: characters.slice(-length).join('')
  };
}

/** A folder below the server's root; the root is `/`. */
export function folderName(folder: string): string {
  return folder ? `${folder}/` : '/';
}
