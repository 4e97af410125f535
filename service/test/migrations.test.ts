import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { startPostgres, type TestPostgres } from './postgres.ts';
import { environment, type QuoteApp, startQuoteApp, untilReady } from './quote-app.ts';

const folder = path.join(import.meta.dirname, '../migrations');
const names = (await readdir(folder)).sort().map((file) => path.basename(file, '.sql'));

let postgres: TestPostgres;
let apps: QuoteApp[] = [];
let clients: pg.Client[] = [];

before(async () => {
  postgres = await startPostgres();
});

beforeEach(async () => {
  await end();
  await postgres.empty();
});

after(async () => {
  await end();
  await postgres.remove();
});

async function end(): Promise<void> {
  for (const client of clients) {
    await client.end();
  }
  clients = [];
  for (const app of apps) {
    app.kill('SIGKILL');
    await app.exit;
  }
  apps = [];
}

/** Starts so many pods at once. */
async function start(pods: number): Promise<QuoteApp[]> {
  const numbers = Array.from({ length: pods }, (_, index) => index);
  const started = await Promise.all(
    numbers.map((number) => startQuoteApp(environment(`pod-${number}`, postgres.port))),
  );
  apps.push(...started);
  return started;
}

async function connect(): Promise<pg.Client> {
  const client = new pg.Client({
    host: '127.0.0.1',
    port: postgres.port,
    user: 'quotes',
    database: 'postgres',
  });
  await client.connect();
  clients.push(client);
  return client;
}

/** The migrations that the database has, in the order in which they ran, and how many quotes. */
async function state(client: pg.Client): Promise<{ ran: unknown[]; quotes: number | undefined }> {
  const there = await client.query("select to_regclass('quotes') is not null as quotes");
  const quotes = there.rows[0].quotes
    ? await client.query('select count(*)::integer from quotes')
    : undefined;
  const ran = await client.query('select name from pgmigrations order by id');
  return { ran: ran.rows.map(({ name }) => name), quotes: quotes?.rows[0].count };
}

const upToDate = 'the schema is up to date';
const notYet = 'the schema could not be brought up to date yet';

/** Waits until the pod says so. */
async function said({ lines }: QuoteApp, message: string): Promise<Record<string, unknown>> {
  for (;;) {
    const line = lines.find(({ msg }) => msg === message);
    if (line !== undefined) return line;
    await sleep(20);
  }
}

/** What each pod ran, as it says once it is done. */
async function applied(pods: QuoteApp[]): Promise<unknown[]> {
  return Promise.all(pods.map(async (pod) => (await said(pod, upToDate)).applied));
}

test('of several pods that start at once one runs each migration, and the others find nothing left to do', async () => {
  const pods = await start(5);
  await Promise.all(pods.map(untilReady));
  const client = await connect();
  assert.deepEqual(await state(client), { ran: names, quotes: 42 });
  assert.deepEqual(
    (await applied(pods)).sort((one, other) => String(one).localeCompare(String(other))),
    [[], [], [], [], names],
  );
});

test('pods that start before their database wait for it, and one of them runs each migration', async () => {
  await postgres.stop();
  const pods = await start(3);
  await Promise.all(pods.map((pod) => said(pod, notYet)));
  assert.ok(pods.every(({ lines }) => lines.every(({ msg }) => msg !== upToDate)));
  await postgres.start();
  await Promise.all(pods.map(untilReady));
  const client = await connect();
  assert.deepEqual(await state(client), { ran: names, quotes: 42 });
  assert.deepEqual((await applied(pods)).flat(), names);
});

test('a pod that is killed in the middle leaves nothing half done, and the next one runs it all', async () => {
  const client = await connect();
  // As node-pg-migrate makes it: who holds it keeps a migration from being noted as run, after it did.
  await client.query(
    'create table pgmigrations (id serial primary key, name varchar(255) not null, run_on timestamp not null)',
  );
  await client.query('begin; lock table pgmigrations in share mode');
  const [killed] = await start(1);
  const waiting = "select 1 from pg_locks where not granted and relation = 'pgmigrations'::regclass";
  while ((await client.query(waiting)).rowCount === 0) await sleep(20);
  const next = await start(1);
  killed?.kill('SIGKILL');
  await killed?.exit;
  await client.query('commit');
  await Promise.all(next.map(untilReady));
  assert.deepEqual(await applied(next), [names]);
  assert.deepEqual(await state(client), { ran: names, quotes: 42 });
});

test('a pod runs the migration that is missing, and no other', async () => {
  await Promise.all((await start(1)).map(untilReady));
  const client = await connect();
  const last = names.at(-1);
  await client.query('delete from pgmigrations where name = $1', [last]);
  await client.query('delete from quotes');
  assert.deepEqual(await applied(await start(1)), [[last]]);
  assert.deepEqual(await state(client), { ran: names, quotes: 42 });
});

test('a pod that finds the schema complete waits for nobody who migrates', async () => {
  await Promise.all((await start(1)).map(untilReady));
  const client = await connect();
  // node-pg-migrate's own lock.
  await client.query('select pg_advisory_lock(7241865325823964)');
  const later = await start(1);
  await Promise.all(later.map(untilReady));
  assert.deepEqual(await applied(later), [[]]);
});
