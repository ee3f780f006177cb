import { UploadError } from './errors';
import { FolderSource } from './foldersource';
import type { Fate, IParcel } from './parcel';
import type { ITransferErrorData } from './tokens';
import type { IUploadContext, IUploadListener } from './upload';
import { TusUpload } from './tusupload';

/**
 * The folders of a batch in which there are no files: they come with none of
 * these, so they travel as a pack of their own.
 */
export class FolderParcel implements IParcel {
  /**
   * @param paths - Folders below the destination.
   * @param settled - Told of each: the error of one that could not be made.
   */
  constructor(
    private _paths: readonly string[],
    private _context: IUploadContext,
    private _settled: (path: string, error: ITransferErrorData | null) => void
  ) {
    const source = new FolderSource(_paths, _context.destination);
    this._upload = new TusUpload(source, _context);
  }

  readonly indices: readonly number[] = [];
  readonly lanes = 1;
  readonly acknowledged = 0;
  readonly filesSettled = 0;

  get isKnown(): boolean {
    return this._upload.isKnown;
  }

  async send(signal: AbortSignal, listener: IUploadListener): Promise<Fate[]> {
    const failed = new Map<string, ITransferErrorData>();
    try {
      await this._upload.send(signal, listener);
      const { client } = this._context;
      for (const row of await client.files(this._upload.url!, signal)) {
        const path = row.name.replace(/\/$/, '');
        failed.set(path, UploadError.from(row.error).toData());
      }
    } catch (error) {
      const isUntaken = error instanceof UploadError && error.status === 400;
      if (!isUntaken || this.isKnown) {
        throw error;
      }
      // A server that takes no packs.
      this._context.packs.areTaken = false;
      this._paths.forEach(path => failed.set(path, error.toData()));
    }
    this._paths.forEach(path => this._settled(path, failed.get(path) ?? null));
    return [];
  }

  terminate(): Promise<void> {
    return this._upload.terminate();
  }

  private _upload: TusUpload;
}
