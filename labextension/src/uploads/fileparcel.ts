import { UploadError } from './errors';
import { FileSource } from './filesource';
import type { IOpened } from './packparcel';
import type { Fate, IParcel } from './parcel';
import { lanesFor, SegmentedUpload } from './segmentedupload';
import type { ITrace } from './trace';
import type { IUpload, IUploadContext, IUploadListener } from './upload';
import { TusUpload } from './tusupload';

/**
 * One file by itself, over one connection or several. What the server has of it
 * is remembered: dropped again after the page was closed, it goes on.
 */
export class FileParcel implements IParcel {
  constructor(
    private _opened: IOpened,
    private _context: IUploadContext
  ) {
    this.lanes = lanesFor(_opened.file.size);
  }

  readonly lanes: number;

  readonly filesSettled = 0;

  get indices(): readonly number[] {
    return [this._opened.index];
  }

  get acknowledged(): number {
    return this._upload?.offset ?? 0;
  }

  get isKnown(): boolean {
    return this._upload?.isKnown ?? false;
  }

  async send(
    signal: AbortSignal,
    listener: IUploadListener,
    lanes: number
  ): Promise<Fate[]> {
    const { index } = this._opened;
    this._upload ??= await this._begin();
    const upload = this._upload;
    const noting: IUploadListener = {
      acknowledged: delta => {
        this._note(upload);
        listener.acknowledged(delta);
      },
      sent: delta => listener.sent(delta),
      checking: value => listener.checking(value)
    };
    try {
      const path = await upload.send(signal, noting, lanes);
      await this._forget();
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

  async terminate(): Promise<void> {
    await this._forget();
    await this._upload?.terminate();
  }

  private async _begin(): Promise<IUpload> {
    const { file, relativePath, handle } = this._opened;
    const { destination, conflict, memory } = this._context;
    const what = { file, relativePath, handle, destination, conflict };
    this._trace = await memory.claim(what);
    const source = new FileSource(file, relativePath, destination, conflict);
    const upload =
      this.lanes > 1
        ? new SegmentedUpload(source, this._context, this._trace?.assembly)
        : new TusUpload(source, this._context);
    upload.adopt(this._trace?.urls ?? []);
    return upload;
  }

  /** Remember where the server keeps it, when that is another place than before. */
  private _note(upload: IUpload): void {
    const { urls, assembly } = upload;
    if (this._trace && String(urls) !== String(this._trace.urls)) {
      this._trace = { ...this._trace, urls, assembly };
      void this._context.memory.keep(this._trace);
    }
  }

  private async _forget(): Promise<void> {
    const trace = this._trace;
    this._trace = null;
    if (trace !== null) {
      await this._context.memory.forget(trace.id);
    }
  }

  private _upload: IUpload | null = null;
  private _trace: ITrace | null = null;
}
