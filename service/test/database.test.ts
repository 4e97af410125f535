import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { after, before, test } from 'node:test';
import { pino } from 'pino';
import { parseConfig } from '../src/config.ts';
import { Database } from '../src/db/database.ts';
import { startPostgres, type TestPostgres } from './postgres.ts';
import { environment, post, type QuoteApp, startQuoteApp, untilReady } from './quote-app.ts';

let postgres: TestPostgres;
let app: QuoteApp;

before(async () => {
  postgres = await startPostgres();
  await postgres.stop();
  app = await startQuoteApp(environment('pod-a', postgres.port));
});

after(async () => {
  app.kill('SIGKILL');
  await postgres.remove();
});

const status = async (path: string) => (await fetch(`${app.url}${path}`)).status;

async function assertAway(): Promise<void> {
  const answer = await fetch(`${app.url}/api/quotes/random`);
  assert.equal(answer.status, 503);
  assert.ok(Number(answer.headers.get('retry-after')) > 0);
  assert.match(answer.headers.get('content-type') ?? '', /^application\/problem\+json/);
}

test('it starts without its database: alive, not ready, 503 with Retry-After, the page too', async () => {
  await assertAway();
  const page = await fetch(app.url);
  assert.equal(page.status, 503);
  assert.ok(Number(page.headers.get('retry-after')) > 0);
  assert.match(page.headers.get('content-type') ?? '', /^text\/html/);
  assert.deepEqual([await status('/livez'), await status('/readyz')], [200, 503]);
});

test('it becomes ready by itself once the database is there, and migrates it', async () => {
  await postgres.start();
  await untilReady(app);
  assert.equal(await status('/api/quotes/random'), 200);
});

test('who asks while it starts is told when it is ready, and need not ask again', async (t) => {
  const another = await startQuoteApp(environment('pod-b', postgres.port));
  t.after(() => another.kill('SIGKILL'));
  assert.equal((await fetch(`${another.url}/readyz`)).status, 200);
});

test('a database that lets it in and then says nothing is not waited for without end', {
  timeout: 20_000,
}, async (t) => {
  const sockets: Socket[] = [];
  // AuthenticationOk and ReadyForQuery: https://www.postgresql.org/docs/15/protocol-message-formats.html
  const letIn = Buffer.from('5200000008000000005a0000000549', 'hex');
  const silent = createServer((socket) => {
    sockets.push(socket.once('data', () => socket.write(letIn)));
  }).listen(0, '127.0.0.1');
  await once(silent, 'listening');
  const { port } = silent.address() as AddressInfo;
  const { postgres: config } = parseConfig(environment('pod-c', port), 'pod-c');
  const database = new Database(config, 'pod-c', pino({ level: 'silent' }));
  t.after(async () => {
    for (const socket of sockets) socket.destroy();
    silent.close();
    await database.end();
  });
  await database.fill();
  assert.ok(sockets.length > 0);
});

test('with the database away it answers 503 with Retry-After, stays ready, and recovers by itself', async () => {
  await postgres.stop();
  await assertAway();
  assert.equal((await post(app, { text: 'x', author: 'y' })).status, 503);
  assert.deepEqual([await status('/livez'), await status('/readyz')], [200, 200]);
  await postgres.start();
  assert.equal(await status('/api/quotes/random'), 200);
});

test('a database that is killed while it answers costs 503s at most, never a 500 nor the process', async () => {
  const statuses = new Set<number>();
  let asking = true;
  const client = async () => {
    while (asking) statuses.add(await status('/api/quotes?limit=100'));
  };
  const clients = Promise.all(Array.from({ length: 8 }, client));
  await postgres.kill();
  await postgres.start();
  await untilReady(app);
  asking = false;
  await clients;
  assert.deepEqual(
    [...statuses].filter((code) => code !== 200 && code !== 503),
    [],
  );
  assert.ok(statuses.has(200));
  assert.equal(await status('/api/quotes/random'), 200);
});

test('a database replaced by an empty one is migrated anew', async () => {
  await postgres.empty();
  assert.equal(await status('/api/quotes/random'), 503);
  for (let attempt = 0; attempt < 100 && (await status('/api/quotes/random')) !== 200; attempt += 1);
  assert.equal(await status('/api/quotes/1'), 200);
});
