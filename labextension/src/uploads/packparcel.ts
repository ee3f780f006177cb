import { PathExt } from '@jupyterlab/coreutils';
import { clientErrors, UploadError } from './errors';
import type { Fate, IParcel } from './parcel';
import { TarPack } from './tarpack';
import type { IPackedFile } from './tusanswer';
import { isGone } from './tusanswer';
import type { IUploadContext, IUploadListener } from './upload';
import { TusUpload } from './tusupload';

/** A file of a batch, opened. */
export interface IOpened {
  readonly index: number;
  readonly relativePath: string;
  readonly file: File;
  readonly handle: FileSystemFileHandle | null;
}

/** Many small files as one upload, each published as it completes. */
export class PackParcel implements IParcel {
  static async of(
    files: readonly IOpened[],
    context: IUploadContext
  ): Promise<PackParcel> {
    const { destination, conflict, worker } = context;
    const compose = worker.compose.bind(worker);
    const pack = await TarPack.of(files, destination, conflict, compose);
    return new PackParcel(files, pack, context);
  }

  private constructor(
    private _files: readonly IOpened[],
    private _pack: TarPack,
    private _context: IUploadContext
  ) {
    this._upload = new TusUpload(_pack, _context);
  }

  readonly lanes = 1;

  get indices(): readonly number[] {
    return this._files.map(file => file.index);
  }

  get acknowledged(): number {
    return this._pack.payloadAt(this._upload.offset);
  }

  get filesSettled(): number {
    return this._upload.filesSettled;
  }

  get isKnown(): boolean {
    return this._upload.isKnown;
  }

  async send(signal: AbortSignal, listener: IUploadListener): Promise<Fate[]> {
    const noting: IUploadListener = {
      acknowledged: delta => {
        this._note();
        listener.acknowledged(delta);
      },
      sent: delta => listener.sent(delta),
      checking: value => listener.checking(value)
    };
    const fates = await this._send(signal, noting);
    const isThere = ({ kind }: Fate) => kind === 'done' || kind === 'skipped';
    this._forget(fates.filter(isThere).length);
    return fates;
  }

  terminate(): Promise<void> {
    this._forget(0);
    return this._upload.terminate();
  }

  private async _send(
    signal: AbortSignal,
    listener: IUploadListener
  ): Promise<Fate[]> {
    try {
      await this._upload.send(signal, listener);
      const rows = await this._list(signal);
      return this._settle(rows, this._files.length, new Set());
    } catch (error) {
      if (!(error instanceof UploadError)) {
        throw error;
      }
      if (error.status === 400 && !this._upload.isKnown) {
        // A server that takes no packs, or not this one.
        this._context.packs.areTaken = false;
        return this._all('again');
      }
      if (error.code === 'source_changed') {
        return this._cutShort(error, signal);
      }
      if (isGone(error)) {
        return this._salvage(signal);
      }
      throw error;
    }
  }

  /** Remember where the server keeps it. */
  private _note(): void {
    const { url } = this._upload;
    if (this._noted === null && url !== null) {
      this._noted = url;
      this._context.folder?.begun(url);
    }
  }

  private _forget(files: number): void {
    if (this._noted !== null) {
      this._context.folder?.ended(this._noted, files);
      this._noted = null;
    }
  }

  /**
   * A file cannot be read, and what follows it has no place in this pack: end
   * it, and find out what the server has published already.
   */
  private async _cutShort(
    error: UploadError,
    signal: AbortSignal
  ): Promise<Fate[]> {
    const { client } = this._context;
    const { size } = this._pack;
    // Asking ends the request that hangs in the middle of the file.
    const state = await client.head(this._upload.url!, size, { signal });
    const rows = await this._list(signal);
    await this._upload.terminate();
    const unreadable = new Set(error.detail.paths as string[]);
    return this._settle(rows, state.filesSettled, unreadable);
  }

  /** The server forgot the pack: look which files it has all the same. */
  private async _salvage(signal: AbortSignal): Promise<Fate[]> {
    const { client } = this._context;
    const fates: Fate[] = [];
    const sent = this._pack.countAt(this._upload.reach);
    for (const [n, { index, relativePath, file }] of this._files.entries()) {
      const path = this._wanted(relativePath);
      const { size, lastModified } = file;
      const isThere =
        n < this.filesSettled ||
        (n < sent &&
          (await client.isDelivered(path, size, lastModified, signal)));
      fates.push(
        isThere ? { kind: 'done', index, path } : { kind: 'again', index }
      );
    }
    return fates;
  }

  private _list(signal: AbortSignal): Promise<IPackedFile[]> {
    return this._context.client.files(this._upload.url!, signal);
  }

  /** Files are settled in the order of the pack; only what is no plain success is listed. */
  private _settle(
    rows: readonly IPackedFile[],
    settled: number,
    unreadable: ReadonlySet<string>
  ): Fate[] {
    const byName = new Map(rows.map(row => [row.name, row]));
    return this._files.map(({ index, relativePath }, n): Fate => {
      const row = byName.get(relativePath);
      if (row?.state === 'failed') {
        const error = UploadError.from(row.error).toData();
        return { kind: 'failed', index, error };
      }
      if (row?.state === 'skipped') {
        return { kind: 'skipped', index };
      }
      if (row || n < settled) {
        const path = row?.path ?? this._wanted(relativePath);
        return { kind: 'done', index, path };
      }
      if (unreadable.has(relativePath)) {
        const error = clientErrors.sourceChanged([relativePath]).toData();
        return { kind: 'failed', index, error };
      }
      return { kind: 'again', index };
    });
  }

  private _all(kind: 'again'): Fate[] {
    return this._files.map(({ index }) => ({ kind, index }));
  }

  private _wanted(relativePath: string): string {
    return PathExt.join(this._context.destination, relativePath);
  }

  private _upload: TusUpload;
  private _noted: string | null = null;
}
