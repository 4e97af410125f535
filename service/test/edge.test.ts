import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { Agent, get } from 'node:http';
import { after, before, test } from 'node:test';
import { configuration, type Edge, loadBalancer, startEdge } from './edge.ts';
import { startPostgres, type TestPostgres } from './postgres.ts';
import { environment, type QuoteApp, startQuoteApp, untilReady } from './quote-app.ts';

const limit = 50;

let postgres: TestPostgres;
let app: QuoteApp;
let edge: Edge;

before(async () => {
  postgres = await startPostgres();
  app = await startQuoteApp(environment('pod-a', postgres.port));
  await untilReady(app);
  edge = await startEdge(Number(new URL(app.url).port), { REQUESTS_IN_10_SECONDS: String(limit) });
});

after(async () => {
  await edge.end();
  app.kill('SIGKILL');
  await postgres.remove();
});

interface Answer {
  readonly status: number | undefined;
  readonly retryAfter: string | undefined;
  readonly type: string | undefined;
}

/** Asks from an address of the loopback network, as often as said, on one connection. */
async function ask(from: string, times: number, forwarded?: string): Promise<Answer[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1, localAddress: from });
  const headers = forwarded === undefined ? {} : { 'X-Forwarded-For': forwarded };
  const one = () => {
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    get(`http://127.0.0.1:${edge.port}/version`, { agent, headers }, (answer) => {
      const { statusCode: status, headers: said } = answer;
      answer.resume();
      answer.once('end', () =>
        resolve({ status, retryAfter: said['retry-after'], type: said['content-type'] }),
      );
    }).once('error', reject);
    return promise;
  };
  const answers = await Promise.all(Array.from({ length: times }, one));
  agent.destroy();
  return answers;
}

const statuses = (answers: Answer[]) => answers.map(({ status }) => status);
const isLimited = { status: 429, retryAfter: '10', type: 'application/problem+json' };

test('a client that asks too often is told 429 and when to come again; another is served', async () => {
  const answers = await ask('127.0.0.20', 2 * limit);
  assert.deepEqual(new Set(statuses(answers.slice(0, limit))), new Set([200]));
  assert.deepEqual(answers.at(-1), isLimited);
  assert.deepEqual(statuses(await ask('127.0.0.21', 1)), [200]);
});

test('a client is not told how long a pod keeps its connection: the client has none to a pod', async () => {
  const direct = await fetch(`${app.url}/version`);
  assert.ok(direct.headers.has('keep-alive'));
  const byTheEdge = await fetch(`http://127.0.0.1:${edge.port}/version`);
  assert.deepEqual([byTheEdge.status, byTheEdge.headers.get('keep-alive')], [200, null]);
});

test('an idle connection is kept for longer than load balancers keep theirs, by each timeout that ends one', async () => {
  const text = await readFile(configuration, 'utf8');
  const seconds = [...text.matchAll(/^ *timeout (client|http-keep-alive) (\d+)s$/gm)];
  assert.deepEqual(seconds.map(([, which]) => which).sort(), ['client', 'http-keep-alive']);
  assert.ok(seconds.every(([, , value]) => Number(value) > 60));
});

test('X-Forwarded-For is nothing that a client can say itself', async () => {
  await ask('127.0.0.22', 2 * limit, '192.0.2.1');
  assert.deepEqual(statuses(await ask('127.0.0.22', 1, '192.0.2.2')), [429]);
  assert.deepEqual(statuses(await ask('127.0.0.23', 1, '192.0.2.1')), [200]);
});

test('a load balancer is not limited, the clients that it names are', async () => {
  await ask(loadBalancer, 2 * limit, '192.0.2.3');
  // What a client wrote comes before what its load balancer added.
  assert.deepEqual(statuses(await ask(loadBalancer, 1, '192.0.2.4, 192.0.2.3')), [429]);
  assert.deepEqual(statuses(await ask(loadBalancer, 1, '192.0.2.4')), [200]);
  assert.deepEqual(statuses(await ask(loadBalancer, 1, '192.0.2.3, 192.0.2.4')), [200]);
});

test('a network of IPv6 is one client', async () => {
  await ask(loadBalancer, 2 * limit, '2001:db8:1:1::1');
  assert.deepEqual(statuses(await ask(loadBalancer, 1, '2001:db8:1:1:ffff::2')), [429]);
  assert.deepEqual(statuses(await ask(loadBalancer, 1, '2001:db8:1:2::1')), [200]);
});

test('who asks whether the edge is well is answered however often', async () => {
  const probes = Array.from({ length: 2 * limit }, () => fetch(`http://127.0.0.1:${edge.probesPort}/readyz`));
  assert.deepEqual(new Set((await Promise.all(probes)).map(({ status }) => status)), new Set([200]));
});
