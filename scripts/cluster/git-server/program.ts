// Runs in the control plane's namespace: `git http-backend` behind HTTP, word to Argo CD after each push, and its word
// of what became of it.
import { spawn } from 'node:child_process';
import http from 'node:http';
import path from 'node:path';
import { createGunzip } from 'node:zlib';
import { execa } from 'execa';
import { kubectlFor } from '../../gitops/kubectl.ts';
import { apiOf } from '../../watch/api.ts';
import { addresses, clusterLayout } from '../layout.ts';
import { pkiKubeconfig } from '../pki.ts';
import { afterPush } from './after-push.ts';
import { serveCommitStatuses } from './commit-statuses.ts';
import { repositoryFolder } from './git-server.ts';

const layout = clusterLayout(process.argv[2] ?? '');
const repository = repositoryFolder(layout);
const admin = { kubeconfig: pkiKubeconfig(layout, 'admin') };
const kubectl = await kubectlFor(admin);
const api = apiOf(admin);

const server = http.createServer((request, response) => {
  const url = new URL(request.url ?? '/', 'http://git');
  const push = request.method === 'POST' && url.pathname.endsWith('/git-receive-pack');
  serve(request, response, url, push).catch((error: Error) => {
    log(`${request.method} ${url.pathname}: ${error.message}`);
    if (!response.headersSent) {
      response.writeHead(500);
    }
    response.end();
  });
});

async function serve(
  request: http.IncomingMessage,
  response: http.ServerResponse,
  url: URL,
  push: boolean,
): Promise<void> {
  if (await serveCommitStatuses(layout.state, repository, request, response, url.pathname)) {
    return;
  }
  const before = push ? await mainCommit() : undefined;
  const finished = Promise.withResolvers<void>();
  const backend = spawn('git', ['http-backend'], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: {
      ...process.env,
      GIT_PROJECT_ROOT: path.dirname(repository),
      GIT_HTTP_EXPORT_ALL: '1',
      // Whoever reaches 127.0.0.1 may push; http-backend wants a name for that.
      REMOTE_USER: 'developer',
      REQUEST_METHOD: request.method ?? 'GET',
      PATH_INFO: url.pathname,
      QUERY_STRING: url.search.slice(1),
      CONTENT_TYPE: request.headers['content-type'] ?? '',
      GIT_PROTOCOL: String(request.headers['git-protocol'] ?? ''),
    },
  });
  backend.on('error', finished.reject);
  backend.on('close', () => finished.resolve());
  backend.stdin.on('error', () => {}); // it may end before it has read everything
  const gzipped = request.headers['content-encoding'] === 'gzip';
  (gzipped ? request.pipe(createGunzip()) : request).pipe(backend.stdin);
  relay(backend.stdout, response);
  await finished.promise;
  if (push) {
    const after = await mainCommit();
    if (after !== undefined && after !== before) {
      // Before the answer ends: when `git push` returns, Argo CD knows.
      await afterPush(layout, kubectl, api, { repository, before, after }, log);
    }
  }
  response.end();
}

/** Turns CGI output, headers and then a body, into the HTTP response, and leaves it open. */
function relay(output: NodeJS.ReadableStream, response: http.ServerResponse): void {
  let head = Buffer.alloc(0);
  output.on('data', (chunk: Buffer) => {
    if (response.headersSent) {
      response.write(chunk);
      return;
    }
    head = Buffer.concat([head, chunk]);
    const end = head.indexOf('\r\n\r\n');
    if (end < 0) {
      return;
    }
    let status = 200;
    for (const line of head.subarray(0, end).toString().split('\r\n')) {
      const colon = line.indexOf(':');
      const [name, value] = [line.slice(0, colon), line.slice(colon + 1).trim()];
      if (name.toLowerCase() === 'status') {
        status = Number.parseInt(value, 10);
      } else {
        response.setHeader(name, value);
      }
    }
    response.writeHead(status);
    response.write(head.subarray(end + 4));
  });
}

async function mainCommit(): Promise<string | undefined> {
  const result = await execa(
    'git',
    ['-C', repository, 'rev-parse', '--verify', '--quiet', 'refs/heads/main'],
    {
      reject: false,
    },
  );
  return result.failed ? undefined : result.stdout;
}

function log(text: string): void {
  process.stdout.write(`${new Date().toISOString()} ${text}\n`);
}

const [host = '', port = ''] = addresses.gitServer.split(':');
server.listen(Number(port), host, () => log(`serving ${repository}`));
