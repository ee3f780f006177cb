/** The thread behind `UploadWorker`. */

import { sha256 } from '@noble/hashes/sha2.js';
import { openFiles } from './openfiles';
import { composeTar } from './tarpiece';
import type { IWorkerAnswer, IWorkerRequest, Result } from './uploadworker';

// The types of pages know no worker's own scope; it is like a port.
const port = self as unknown as Pick<MessagePort, 'onmessage' | 'postMessage'>;

port.onmessage = async ({ data }: MessageEvent<IWorkerRequest>) => {
  const result = await perform(data).catch(() => null);
  const answer: IWorkerAnswer = { id: data.id, result };
  port.postMessage(answer);
};

async function perform({
  compose,
  open,
  sha256: blob
}: IWorkerRequest): Promise<Result> {
  if (compose) {
    return composeTar(compose);
  }
  if (open) {
    return openFiles(open);
  }
  const bytes = new Uint8Array(await blob!.arrayBuffer());
  return sha256(bytes).buffer as ArrayBuffer;
}
