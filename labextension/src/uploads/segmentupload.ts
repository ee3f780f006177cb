import type { IUploadItem } from './tokens';
import type { ITusRequestOptions, ITusState } from './tusclient';
import type { IUploadContext } from './tusupload';
import { metadataOf, TusUpload } from './tusupload';

/** Where a segment stands in its file. */
export interface ISegment {
  /** What all segments of one file share. */
  readonly assembly: string;
  readonly start: number;
  readonly end: number;
}

/**
 * A segment of a file: a partial upload (tus 1.0, concatenation) of which the
 * server knows where in the whole it belongs.
 */
export class SegmentUpload extends TusUpload {
  constructor(item: IUploadItem, context: IUploadContext, segment: ISegment) {
    super(item, context);
    this._segment = segment;
  }

  /** No path is ever named: the whole has one, not its parts. */
  protected get isWhole(): boolean {
    return this.hasArrived;
  }

  protected get body(): Blob {
    const { start, end } = this._segment;
    return this.item.file.slice(start, end);
  }

  protected create(
    body: Blob | undefined,
    options: ITusRequestOptions
  ): Promise<ITusState> {
    const { assembly, start, end } = this._segment;
    const metadata = {
      ...metadataOf(this.item, this.context),
      assembly,
      start: String(start),
      size: String(this.item.file.size)
    };
    return this.context.client.create(metadata, end - start, body, {
      ...options,
      isPartial: true
    });
  }

  protected isPlausible(): boolean {
    return true;
  }

  /** A segment whose first answer got lost is just announced once more. */
  protected wasDelivered(): Promise<boolean> {
    return Promise.resolve(false);
  }

  private _segment: ISegment;
}
