import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { startPostgres, type TestPostgres } from './postgres.ts';
import { environment, post, type QuoteApp, runQuoteApp, startQuoteApp, untilReady } from './quote-app.ts';
import { startClients } from './steady.ts';

let postgres: TestPostgres;
let folder: string;
let app: QuoteApp;

before(async () => {
  postgres = await startPostgres();
  await postgres.query("create role first login in role quotes password 'one'");
  folder = mkdtempSync(path.join(tmpdir(), 'quotes-credentials-'));
  logInAs('first', 'one');
  const { PGUSER: _, ...variables } = environment('pod-a', postgres.port);
  app = await startQuoteApp({ ...variables, PG_CREDENTIALS_DIR: folder });
  await untilReady(app);
});

after(async () => {
  app.kill('SIGTERM');
  await app.exit;
  await postgres.remove();
  rmSync(folder, { recursive: true });
});

function logInAs(user: string, password: string): void {
  writeFileSync(path.join(folder, 'username'), user);
  writeFileSync(path.join(folder, 'password'), `${password}\n`);
}

/** How many connections each user has besides the one that asks. */
async function connections(): Promise<Record<string, number>> {
  const rows = await postgres.query(
    "select usename, count(*)::int as n from pg_stat_activity where application_name = 'pod-a' group by 1",
  );
  return Object.fromEntries(rows.map(({ usename, n }) => [usename, n]));
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  for (let attempt = 0; !(await holds()); attempt += 1) {
    assert.ok(attempt < 100, 'it did not come about within ten seconds');
    await sleep(100);
  }
}

test('what migrations make belongs to the owner of the database, whoever logged in', async () => {
  const rows = await postgres.query("select distinct tableowner from pg_tables where schemaname = 'public'");
  assert.deepEqual(rows, [{ tableowner: 'quotes' }]);
});

test('another user in the folder is taken up under load, without a failed request', async () => {
  const clients = startClients(8, 1, async (nth) =>
    nth % 4 === 0
      ? { what: 'write', answer: await post(app, { text: `number ${nth}`, author: 'rotated' }) }
      : { what: 'read', answer: await fetch(`${app.url}/api/quotes/random`) },
  );
  await until(async () => clients.outcomes.length > 100);
  // The folder is first: the server may know the user a moment later, as a replica does.
  logInAs('second', 'two');
  await sleep(1500);
  assert.deepEqual(Object.keys(await connections()), ['first']);
  await postgres.query("create role second login in role quotes password 'two'");
  await until(async () => (await connections()).first === undefined);
  await postgres.query('alter role first nologin password null');
  const asked = clients.outcomes.length;
  await until(async () => clients.outcomes.length > asked + 100);
  await clients.stop();
  assert.deepEqual(Object.keys(await connections()), ['second']);
  assert.deepEqual([...new Set(clients.outcomes.map(({ status }) => status))].sort(), [200, 201]);
});

test('a user that is refused from now on is left, once the folder names another', async () => {
  await postgres.query('alter role second nologin');
  await postgres.query("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'second'");
  await until(async () => (await fetch(`${app.url}/api/quotes/random`)).status === 503);
  await postgres.query("create role third login in role quotes password 'three'");
  logInAs('third', 'three');
  await until(async () => (await fetch(`${app.url}/api/quotes/random`)).status === 200);
});

test('a folder that cannot be read is named', async () => {
  const { PGUSER: _, ...variables } = environment('pod-b', postgres.port);
  const { code, said } = await runQuoteApp({ ...variables, PG_CREDENTIALS_DIR: '/nowhere' });
  assert.equal(code, 2);
  assert.match(
    said,
    /PG_CREDENTIALS_DIR is "\/nowhere": expected a folder with the files username and password \(ENOENT\)/,
  );
});
