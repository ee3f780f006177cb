import { BLOCK, headLength, paddingOf, writeHead } from './tarhead';

/** Two empty blocks end a tar. */
export const END = 2 * BLOCK;

/** A part of a tar: some files in a row, and which bytes of them are meant. */
export interface ITarPiece {
  readonly paths: readonly string[];
  readonly files: readonly File[];
  /** Bytes from the first header on that are left out. */
  readonly from: number;
  /** Bytes; what goes beyond the last file belongs to the end of the tar. */
  readonly length: number;
}

/** Bytes that a file takes in a tar. */
export function spanOf(path: string, file: File): number {
  const { size, lastModified } = file;
  return headLength(path, lastModified) + size + paddingOf(size);
}

/**
 * Put a piece together. No file is read: the browser does that while it sends.
 */
export function composeTar({ paths, files, from, length }: ITarPiece): Blob {
  // All that is no file, in one buffer: one of its own for each header and
  // each padding took more time and room than what is in them.
  const frame = new Uint8Array(frameLength(paths, files));
  const parts: BlobPart[] = [];
  let at = 0;
  const take = (part: File | Uint8Array<ArrayBuffer>, size: number) => {
    const begin = Math.max(from - at, 0);
    const end = Math.min(from + length - at, size);
    if (begin < end) {
      const isWhole = begin === 0 && end === size;
      parts.push(isWhole ? part : part.slice(begin, end));
    }
    at += size;
  };
  let taken = 0;
  let filled = 0;
  const takeFrame = () => {
    take(frame.subarray(taken, filled), filled - taken);
    taken = filled;
  };
  files.forEach((file, n) => {
    const { size, lastModified } = file;
    filled += writeHead(frame.subarray(filled), paths[n], size, lastModified);
    takeFrame();
    take(file, size);
    filled += paddingOf(size);
  });
  filled += END;
  takeFrame();
  return new Blob(parts);
}

function frameLength(paths: readonly string[], files: readonly File[]): number {
  return files.reduce(
    (sum, file, n) => sum + spanOf(paths[n], file) - file.size,
    END
  );
}
