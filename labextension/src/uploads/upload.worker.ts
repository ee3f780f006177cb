/** The thread behind `UploadWorker`. */

import { composeTar } from './tarpiece';
import type { IWorkerAnswer, IWorkerRequest } from './uploadworker';

// The types of pages know no worker's own scope; it is like a port.
const port = self as unknown as Pick<MessagePort, 'onmessage' | 'postMessage'>;

port.onmessage = ({ data }: MessageEvent<IWorkerRequest>) => {
  const answer: IWorkerAnswer = {
    id: data.id,
    result: composeTar(data.compose)
  };
  port.postMessage(answer);
};
