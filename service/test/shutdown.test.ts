import assert from 'node:assert/strict';
import { Agent, get } from 'node:http';
import { connect } from 'node:net';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { startPostgres, type TestPostgres } from './postgres.ts';
import { environment, type QuoteApp, startQuoteApp, untilReady } from './quote-app.ts';

let postgres: TestPostgres;
let app: QuoteApp;

before(async () => {
  postgres = await startPostgres();
});

after(async () => {
  await postgres.remove();
});

async function start(variables: Record<string, string> = {}): Promise<void> {
  app = await startQuoteApp({ ...environment('pod-c', postgres.port), ...variables });
  await untilReady(app);
}

test('SIGTERM under load loses no request, ends with code 0 and says so', async () => {
  await start();
  const answered: number[] = [];
  let sending = true;
  const client = async () => {
    while (sending) {
      const answer = await fetch(`${app.url}/api/quotes/random`);
      answered.push(answer.status);
      await answer.text();
    }
  };
  const clients = Promise.all(Array.from({ length: 8 }, client));
  await sleep(300);
  const before = answered.length;
  app.kill('SIGTERM');
  // The pod leaves the Service's endpoints while it lingers; a client that goes on would meet a closed port.
  await sleep(400);
  sending = false;
  await clients;
  assert.equal(await app.exit, 0);
  assert.ok(before > 0 && answered.length > before);
  assert.deepEqual(new Set(answered), new Set([200]));
  // The last line is there: the log was flushed, after the pool was closed.
  assert.equal(app.lines.at(-1)?.msg, 'stopped');
});

test('an idle connection is used once more after SIGTERM, is told to close, and does not hold the end up', async () => {
  await start();
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const ask = () => {
    const { promise, resolve, reject } = Promise.withResolvers<[number | undefined, string | undefined]>();
    get(`${app.url}/version`, { agent }, (answer) => {
      answer.resume().once('end', () => resolve([answer.statusCode, answer.headers.connection]));
    }).once('error', reject);
    return promise;
  };
  assert.deepEqual(await ask(), [200, 'keep-alive']);
  app.kill('SIGTERM');
  await sleep(300);
  assert.deepEqual(await ask(), [200, 'close']);
  assert.equal(await app.exit, 0);
  agent.destroy();
});

test('from SIGTERM on it is not ready, and still alive', async () => {
  await start();
  app.kill('SIGTERM');
  await sleep(300);
  const [ready, live] = await Promise.all([fetch(`${app.url}/readyz`), fetch(`${app.url}/livez`)]);
  assert.deepEqual([ready.status, live.status], [503, 200]);
  assert.equal(await app.exit, 0);
});

test('a client that never finishes is cut at the drain timeout, and a second SIGTERM changes nothing', async () => {
  await start({ DRAIN_LINGER_MS: '200', DRAIN_TIMEOUT_MS: '800' });
  const socket = connect(Number(new URL(app.url).port), '127.0.0.1');
  socket.on('error', () => {});
  socket.write(
    'POST /api/quotes HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{',
  );
  await sleep(200);
  app.kill('SIGTERM');
  app.kill('SIGTERM');
  assert.equal(await app.exit, 0);
  assert.ok(app.lines.some(({ cut }) => cut === 1));
});

test('SIGTERM before the database was ever reached ends it with code 0', async () => {
  const unreachable = { ...environment('pod-d', postgres.port), PGPORT: '1', DRAIN_LINGER_MS: '0' };
  const early = await startQuoteApp(unreachable);
  early.kill('SIGTERM');
  assert.equal(await early.exit, 0);
});
