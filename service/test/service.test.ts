import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { startPostgres, type TestPostgres } from './postgres.ts';

interface Running {
  url: string;
  metrics: string;
  lines: Record<string, unknown>[];
  process: ChildProcess;
}

let postgres: TestPostgres;
let service: Running;

async function startService(pod: string): Promise<Running> {
  const child = spawn(process.execPath, [path.join(import.meta.dirname, '../src/main.ts')], {
    env: {
      PATH: process.env.PATH,
      PORT: '0',
      METRICS_PORT: '0',
      LISTEN_HOST: '127.0.0.1',
      POD_NAME: pod,
      ENVIRONMENT: 'test',
      PGHOST: '127.0.0.1',
      PGPORT: String(postgres.port),
      PGUSER: 'quotes',
      PGDATABASE: 'postgres',
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines: Record<string, unknown>[] = [];
  const { promise, resolve, reject } = Promise.withResolvers<Running>();
  child.once('exit', () => reject(new Error('the service ended before it listened')));
  createInterface({ input: child.stdout }).on('line', (text) => {
    const line = JSON.parse(text) as Record<string, unknown>;
    lines.push(line);
    if (line.msg === 'listening') {
      const [url, metrics] = [`http://127.0.0.1:${line.port}`, `http://127.0.0.1:${line.metricsPort}`];
      resolve({ url, metrics, lines, process: child });
    }
  });
  return promise;
}

async function untilReady({ url }: Running): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt += 1) {
    if ((await fetch(`${url}/readyz`)).ok) return;
    await sleep(100);
  }
  assert.fail('the service never became ready');
}

before(async () => {
  postgres = await startPostgres();
  // Two at once on an empty database: both migrate, one after the other.
  const [first, second] = await Promise.all([startService('pod-a'), startService('pod-b')]);
  await Promise.all([untilReady(first), untilReady(second)]);
  second.process.kill('SIGTERM');
  await once(second.process, 'exit');
  service = first;
});

after(async () => {
  service.process.kill('SIGKILL');
  await postgres.remove();
});

test('two instances that migrate at once leave one schema and at least 30 quotes', async () => {
  const answer = await fetch(`${service.url}/api/quotes?limit=5`);
  const page = (await answer.json()) as { items: unknown[]; total: number };
  assert.equal(page.items.length, 5);
  assert.ok(page.total >= 30);
  assert.equal(answer.headers.get('x-served-by'), 'pod-a');
});

test('the page shows a quote, the pod and the environment', async () => {
  const text = await (await fetch(service.url)).text();
  assert.match(text, /pod-a/);
  assert.match(text, /test/);
});

test('a posted quote is found where Location says, and its markup is escaped on the way', async () => {
  const answer = await post({ text: 'Less is <b>more</b>.', author: 'A. Tester' });
  assert.equal(answer.status, 201);
  const found = await fetch(new URL(answer.headers.get('location') ?? '', service.url));
  assert.equal(((await found.json()) as { text: string }).text, 'Less is <b>more</b>.');
});

for (const [what, path, init, status] of [
  [
    'bad JSON',
    '/api/quotes',
    { method: 'POST', body: '{', headers: { 'content-type': 'application/json' } },
    400,
  ],
  [
    'an oversized body',
    '/api/quotes',
    {
      method: 'POST',
      body: JSON.stringify({ text: 'x'.repeat(2e6) }),
      headers: { 'content-type': 'application/json' },
    },
    413,
  ],
  [
    'another content type',
    '/api/quotes',
    { method: 'POST', body: 'x', headers: { 'content-type': 'text/plain' } },
    415,
  ],
  ['an unknown id', '/api/quotes/999999', {}, 404],
  ['a malformed id', '/api/quotes/abc', {}, 400],
  ['a bad page', '/api/quotes?page=-1', {}, 400],
  ['an unknown route', '/nowhere', {}, 404],
  ['a wrong method', '/api/quotes', { method: 'DELETE' }, 405],
] as const) {
  test(`${what} is answered with ${status} as application/problem+json, without a stack`, async () => {
    const answer = await fetch(`${service.url}${path}`, init);
    assert.equal(answer.status, status);
    assert.match(answer.headers.get('content-type') ?? '', /^application\/problem\+json/);
    assert.doesNotMatch(await answer.text(), /node_modules|\.ts:/);
  });
}

test('metrics count requests by route and show the pool', async () => {
  const text = await (await fetch(`${service.metrics}/metrics`)).text();
  assert.match(text, /http_request_duration_seconds_count\{route="[^"]+",method="GET",status="200"\} \d+/);
  assert.match(text, /^pg_pool_total \d+$/m);
});

test('with the database away it answers 503 with Retry-After, stays ready, and recovers by itself', async () => {
  await postgres.stop();
  const away = await fetch(`${service.url}/api/quotes/random`);
  assert.equal(away.status, 503);
  assert.ok(Number(away.headers.get('retry-after')) > 0);
  assert.equal((await fetch(`${service.url}/readyz`)).status, 200);
  assert.equal((await fetch(`${service.url}/livez`)).status, 200);
  await postgres.start();
  assert.equal((await fetch(`${service.url}/api/quotes/random`)).status, 200);
});

test('SIGTERM under load loses no request and ends with code 0', async () => {
  const own = await startService('pod-c');
  await untilReady(own);
  const answered: number[] = [];
  let sending = true;
  const client = async () => {
    while (sending) {
      const answer = await fetch(`${own.url}/api/quotes/random`);
      answered.push(answer.status);
      await answer.text();
    }
  };
  const clients = Promise.all(Array.from({ length: 8 }, client));
  await sleep(300);
  const before = answered.length;
  own.process.kill('SIGTERM');
  const exited = once(own.process, 'exit');
  // The pod leaves the Service's endpoints while it lingers; a client that goes on would meet a closed port.
  await sleep(400);
  sending = false;
  await clients;
  const [code] = await exited;
  assert.equal(code, 0);
  assert.ok(before > 0 && answered.length > before);
  assert.deepEqual(new Set(answered), new Set([200]));
  assert.ok(own.lines.every((line) => line.pod === 'pod-c'));
});

test('bad values in the environment are all named, and it ends with code 2', async () => {
  const child = spawn(process.execPath, [path.join(import.meta.dirname, '../src/main.ts')], {
    env: { PORT: 'http', LOG_LEVEL: 'loud' },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.on('data', (chunk) => {
    said += chunk;
  });
  const [code] = await once(child, 'exit');
  assert.equal(code, 2);
  for (const name of ['PORT', 'LOG_LEVEL', 'PGHOST', 'PGUSER', 'PGDATABASE']) {
    assert.match(said, new RegExp(`${name} is`));
  }
  assert.doesNotMatch(said, /\.ts:/);
});

function post(body: object): Promise<Response> {
  return fetch(`${service.url}/api/quotes`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
}
