import type { Digest } from './digest';
import { base64Of, nativeDigest } from './digest';

/** Bytes; a digest needs all of a piece in memory. */
const MAX_BYTES = 16 * 1024 * 1024;

/**
 * Times that hashing must be faster than a connection. Several share the cores
 * with the browser's own work on the bytes, which is more than the digest.
 */
const HEADROOM = 4;

/** Bytes; of less than that the time is that of the way to the thread and back. */
const TELLING = 256 * 1024;

/** When pieces get a checksum: `auto` leaves it where it would slow a fast line down. */
export type ChecksumMode = 'auto' | 'always' | 'never';

/** Checksums of pieces (tus 1.0, checksum), computed beside the page. */
export class Hasher {
  /** @param _digest - null where there is none: then pieces go without. */
  constructor(
    private _mode: () => ChecksumMode,
    private _digest: Digest | null = nativeDigest()
  ) {}

  /**
   * Bytes of the largest piece that is hashed; Infinity while none are.
   *
   * @param lineRate - bytes a millisecond that a connection takes; 0 if unknown.
   */
  limit(lineRate: number): number {
    const mode = this._digest ? this._mode() : 'never';
    const keepsUp = this._rate === 0 || this._rate >= lineRate * HEADROOM;
    return mode === 'always' || (mode === 'auto' && keepsUp)
      ? MAX_BYTES
      : Infinity;
  }

  /** `Upload-Checksum` for `body`; null if it cannot be read. */
  async checksum(body: Blob): Promise<string | null> {
    try {
      await this._warmUp();
      const begin = performance.now();
      const digest = await this._digest!(body);
      const elapsed = Math.max(performance.now() - begin, 0.1);
      if (body.size >= TELLING) {
        this._rate = body.size / elapsed;
      }
      return digest && `sha256 ${base64Of(digest)}`;
    } catch {
      // The file changed: sending it will tell.
      return null;
    }
  }

  /** A thread takes its time to start, once; that is not how fast it hashes. */
  private _warmUp(): Promise<unknown> {
    this._warm ??= this._digest!(new Blob([]));
    return this._warm;
  }

  private _warm: Promise<unknown> | null = null;
  /** Bytes a millisecond of the last piece that tells; 0 before the first. */
  private _rate = 0;
}
