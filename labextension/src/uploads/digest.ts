/** SHA-256 of a blob; null where it cannot be computed. Rejects when the blob cannot be read. */
export type Digest = (blob: Blob) => Promise<ArrayBuffer | null>;

/**
 * The browser's own, which works in threads of its own; null on pages that have
 * none: those from plain HTTP addresses other than this computer.
 */
export function nativeDigest(
  subtle: Pick<SubtleCrypto, 'digest'> | undefined = globalThis.crypto?.subtle
): Digest | null {
  return subtle
    ? async blob => subtle.digest('SHA-256', await read(blob))
    : null;
}

/** A digest as text. */
export function base64Of(digest: ArrayBuffer): string {
  return btoa(String.fromCharCode(...new Uint8Array(digest)));
}

function read(blob: Blob): Promise<ArrayBuffer> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result as ArrayBuffer);
    reader.onerror = () => reject(reader.error);
    reader.readAsArrayBuffer(blob);
  });
}
