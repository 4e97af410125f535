// Runs in the control plane's namespace: `program.ts CLUSTER PATH FILE [PATH FILE ...]` serves each FILE at its PATH.
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import https from 'node:https';
import path from 'node:path';
import { addresses, clusterLayout } from '../layout.ts';

const [cluster = '', ...pairs] = process.argv.slice(2);
const layout = clusterLayout(cluster);
const files = new Map<string, string>();
for (let index = 0; index < pairs.length; index += 2) {
  files.set(pairs[index] ?? '', pairs[index + 1] ?? '');
}

const pem = (file: string) => readFile(path.join(layout.pki, file));
const server = https.createServer(
  { cert: await pem('upstream-mirror.crt'), key: await pem('upstream-mirror.key') },
  (request, response) => {
    const file = files.get(request.url ?? '');
    process.stdout.write(`${new Date().toISOString()} ${request.url} ${file ?? 'is not pinned'}\n`);
    if (file === undefined) {
      response.writeHead(404, { 'content-type': 'text/plain' });
      response.end('This cluster has only the upstream manifests that scripts/tools pins.\n');
      return;
    }
    response.writeHead(200, { 'content-type': 'text/plain' });
    createReadStream(file).pipe(response);
  },
);
server.listen(443, addresses.controlPlane);
