/**
 * Uploads one file by tus-js-client, as it comes from npm.
 *
 *   node tus_js_client.mjs '{"file": …, "store": …, "stop": …, "options": {…}}'
 *
 * `store` is a file in which the client remembers unfinished uploads, and goes
 * on with them; after `stop` accepted bytes it gives up. It writes the address
 * of the upload and how it ended as JSON.
 */
import { createReadStream } from 'node:fs';
import { PassThrough } from 'node:stream';
import { FileUrlStorage, Upload } from 'tus-js-client';

const { file, store, stop, options } = JSON.parse(process.argv[2]);

function end(how) {
  process.stdout.write(JSON.stringify({ url: upload.url, how }), () =>
    process.exit()
  );
}

let stopping = false;
// Of what has a path the client knows the length, and then never tells it late.
const source = options.uploadLengthDeferred
  ? createReadStream(file).pipe(new PassThrough())
  : createReadStream(file);
const upload = new Upload(source, {
  retryDelays: [0, 100, 500, 1000, 2000],
  ...(store ? { urlStorage: new FileUrlStorage(store) } : {}),
  ...options,
  onSuccess: () => end('done'),
  onError: error => end(String(error)),
  onChunkComplete: (size, accepted) => {
    if (stop && accepted >= stop && !stopping) {
      stopping = true;
      upload.abort().then(() => end('stopped'));
    }
  }
});

const [previous] = store ? await upload.findPreviousUploads() : [];
if (previous) {
  upload.resumeFromPreviousUpload(previous);
}
upload.start();
