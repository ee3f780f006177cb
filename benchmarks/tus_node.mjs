// The rival @tus/server over its file store, as its README starts it; behind node's own TLS if it
// is given a certificate.
// Usage: node tus_node.mjs PORT FOLDER [CERTIFICATE KEY]
import { readFileSync } from 'node:fs';
import https from 'node:https';

import { FileStore } from '@tus/file-store';
import { Server } from '@tus/server';

const [port, directory, certificate, key] = process.argv.slice(2);
const server = new Server({ path: '/files', datastore: new FileStore({ directory }) });
const place = { host: '127.0.0.1', port: Number(port) };
if (certificate) {
  const pair = { cert: readFileSync(certificate), key: readFileSync(key) };
  https.createServer(pair, (request, response) => server.handle(request, response)).listen(place);
} else {
  server.listen(place);
}
