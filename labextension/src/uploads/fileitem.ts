import type { IUploadItem } from './tokens';

/** A file that the browser has opened already. */
export class FileItem implements IUploadItem {
  constructor(
    readonly file: File,
    readonly relativePath: string = file.name,
    readonly handle?: Promise<FileSystemFileHandle | null>
  ) {}

  get size(): number {
    return this.file.size;
  }

  open(): Promise<File> {
    return Promise.resolve(this.file);
  }
}
