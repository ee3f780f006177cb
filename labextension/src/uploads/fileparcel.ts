import { UploadError } from './errors';
import { FileSource } from './filesource';
import type { Fate, IParcel } from './parcel';
import { lanesFor, SegmentedUpload } from './segmentedupload';
import type { IUpload, IUploadContext, IUploadListener } from './tusupload';
import { TusUpload } from './tusupload';

/** One file by itself, over one connection or several. */
export class FileParcel implements IParcel {
  constructor(
    private _index: number,
    file: File,
    relativePath: string,
    context: IUploadContext
  ) {
    const { destination, conflict } = context;
    const source = new FileSource(file, relativePath, destination, conflict);
    this.lanes = lanesFor(file.size);
    this._upload =
      this.lanes > 1
        ? new SegmentedUpload(source, context)
        : new TusUpload(source, context);
  }

  readonly lanes: number;

  readonly filesSettled = 0;

  get indices(): readonly number[] {
    return [this._index];
  }

  get acknowledged(): number {
    return this._upload.offset;
  }

  get isKnown(): boolean {
    return this._upload.isKnown;
  }

  async send(
    signal: AbortSignal,
    listener: IUploadListener,
    lanes: number
  ): Promise<Fate[]> {
    const index = this._index;
    try {
      const path = await this._upload.send(signal, listener, lanes);
      return path === null
        ? [{ kind: 'skipped', index }]
        : [{ kind: 'done', index, path }];
    } catch (error) {
      if (error instanceof UploadError && error.code === 'source_changed') {
        // Its old bytes are of no use; if they cannot be deleted now, they expire.
        await this.terminate().catch(() => undefined);
      }
      throw error;
    }
  }

  terminate(): Promise<void> {
    return this._upload.terminate();
  }

  private _upload: IUpload;
}
