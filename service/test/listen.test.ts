import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from './postgres.ts';
import { environment } from './quote-app.ts';

const service = path.join(import.meta.dirname, '..');

/** Starts it as the image does, but for node, which begins only when `go` is called. */
function start(t: TestContext, port: number) {
  const node = ['sh', '-c', 'read -r go; exec "$@"', 'sh', process.execPath, 'src/main.ts'];
  const child = spawn('perl', ['listen.pl', ...node], {
    cwd: service,
    env: { PATH: process.env.PATH, ...environment('pod-a', 1), LISTEN_HOST: '', PORT: String(port) },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  t.after(() => child.kill('SIGKILL'));
  return { child, go: () => child.stdin.end('go\n') };
}

/** A connection, as soon as somebody listens; within ten seconds. */
async function connected(t: TestContext, port: number, child: ChildProcess): Promise<Socket> {
  for (let attempt = 0; attempt < 1000 && child.exitCode === null; attempt += 1) {
    const socket = connect(port, '127.0.0.1');
    t.after(() => socket.destroy());
    const came = await once(socket, 'connect').catch(() => undefined);
    if (came !== undefined) return socket;
    await sleep(10);
  }
  assert.fail('nobody listens');
}

async function ask(socket: Socket): Promise<string> {
  socket.write('GET /livez HTTP/1.1\r\nHost: quotes\r\n\r\n');
  const [answer] = await once(socket, 'data');
  return String(answer).split('\r\n')[0] ?? '';
}

test('the port is open before node runs, and who connects then is answered', async (t) => {
  const port = await freePort();
  const { child, go } = start(t, port);
  const answer = ask(await connected(t, port, child));
  go();
  assert.equal(await answer, 'HTTP/1.1 200 OK');
});

test('it is open as early where the one before was killed while it had a connection', async (t) => {
  const port = await freePort();
  const first = start(t, port);
  first.go();
  const kept = await connected(t, port, first.child);
  assert.equal(await ask(kept), 'HTTP/1.1 200 OK');
  first.child.kill('SIGKILL');
  await once(first.child, 'exit');

  const second = start(t, port);
  const answer = ask(await connected(t, port, second.child));
  second.go();
  assert.equal(await answer, 'HTTP/1.1 200 OK');
});

test('of a port that is taken the service says so, and ends with code 1', async (t) => {
  const taken = createServer().listen(0, '127.0.0.1');
  t.after(() => taken.close());
  await once(taken, 'listening');
  const { child, go } = start(t, (taken.address() as AddressInfo).port);
  go();
  const [said, [code]] = await Promise.all([text(child.stdout), once(child, 'exit')]);
  assert.match(said, /EADDRINUSE/);
  assert.equal(code, 1);
});
