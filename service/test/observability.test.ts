import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { startPostgres, type TestPostgres } from './postgres.ts';
import { environment, type QuoteApp, startQuoteApp, untilReady } from './quote-app.ts';

let postgres: TestPostgres;
let app: QuoteApp;

before(async () => {
  postgres = await startPostgres();
  app = await startQuoteApp(environment('pod-a', postgres.port));
  await untilReady(app);
});

after(async () => {
  app.kill('SIGKILL');
  await postgres.remove();
});

const scrape = async () => (await fetch(`${app.metrics}/metrics`)).text();

test('a request id that was sent comes back and is in the log, with the pod', async () => {
  const answer = await fetch(`${app.url}/version`, { headers: { 'x-request-id': 'from-the-edge.1' } });
  assert.equal(answer.headers.get('x-request-id'), 'from-the-edge.1');
  let line: Record<string, unknown> | undefined;
  for (let attempt = 0; line === undefined && attempt < 100; attempt += 1) {
    await sleep(20);
    line = app.lines.find(({ requestId }) => requestId === 'from-the-edge.1');
  }
  assert.deepEqual(
    [line?.msg, line?.pod, line?.environment, line?.route, line?.status],
    ['request', 'pod-a', 'test', '/version', '200'],
  );
});

test('a request id that could forge a line or fill the log is replaced', async () => {
  for (const id of ['a b', '"}', 'x'.repeat(129)]) {
    const answer = await fetch(`${app.url}/version`, { headers: { 'x-request-id': id } });
    assert.match(answer.headers.get('x-request-id') ?? '', /^[\da-f-]{36}$/);
  }
});

test('every line of the log names the pod', async () => {
  await fetch(`${app.url}/nowhere`);
  assert.ok(app.lines.length > 3);
  assert.deepEqual(new Set(app.lines.map(({ pod }) => pod)), new Set(['pod-a']));
});

test('metrics count requests by route, and a scan of unknown paths makes one series', async () => {
  for (let path = 0; path < 50; path += 1) {
    await fetch(`${app.url}/scan/${path}`);
    await fetch(`${app.url}/api/quotes/${path + 1}`);
  }
  const counts = [
    ...(await scrape()).matchAll(/^http_request_duration_seconds_count\{.*$/gm).map(([line]) => line),
  ];
  assert.ok(
    counts.includes('http_request_duration_seconds_count{route="unmatched",method="GET",status="404"} 51'),
  );
  assert.equal(counts.filter((line) => line.includes('"/api/quotes/{id}"')).length, 2);
  assert.ok(counts.length < 10, counts.join('\n'));
});

test('a pod is ready only once every connection of its pool stands', async (t) => {
  const fresh = await startQuoteApp({ ...environment('pod-b', postgres.port), PG_POOL_MAX: '7' });
  t.after(() => fresh.kill('SIGKILL'));
  await untilReady(fresh);
  assert.match(await (await fetch(`${fresh.metrics}/metrics`)).text(), /^pg_pool_idle(\{.*\})? 7$/m);
});

test('metrics show the pool, the process and what runs', async () => {
  const text = await scrape();
  for (const name of ['pg_pool_total', 'pg_pool_idle', 'pg_pool_waiting', 'pg_host_away']) {
    assert.match(text, new RegExp(`^${name}\\{role="primary"\\} \\d+$`, 'm'));
  }
  assert.match(text, /^http_requests_in_flight \d+$/m);
  assert.match(text, /^process_resident_memory_bytes \d+$/m);
  assert.match(text, /^quote_app_info\{version="[^"]+",revision="[^"]+",environment="test"\} 1$/m);
});

test('metrics are on their own port alone', async () => {
  assert.equal((await fetch(`${app.url}/metrics`)).status, 404);
  assert.equal((await fetch(`${app.metrics}/api/quotes`)).status, 404);
});
