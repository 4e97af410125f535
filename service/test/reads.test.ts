import assert from 'node:assert/strict';
import { after, before, beforeEach, type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Pair, startPair } from './pair.ts';
import { post, type QuoteApp, startQuoteApp, untilReady } from './quote-app.ts';
import { longestGap, startClients } from './steady.ts';
import type { TcpService } from './tcp-service.ts';

let pair: Pair;
let app: QuoteApp;

before(async () => {
  pair = await startPair();
  app = await startQuoteApp(pair.variables);
  await untilReady(app);
});

after(async () => {
  app.kill('SIGKILL');
  await pair.remove();
});

beforeEach(async () => {
  await pair.restore();
  // Connections that a test before this one led elsewhere would stay there.
  pair.ro.cut();
  pair.rw.cut();
  await untilNobodyAway();
});

/** The value of a series, as the metrics say it now. */
async function metric(series: string): Promise<number> {
  const text = await (await fetch(`${app.metrics}/metrics`)).text();
  const line = text.split('\n').find((one) => one.startsWith(`${series} `)) ?? assert.fail(`no ${series}`);
  return Number(line.slice(series.length));
}

/** Waits, 10 seconds at most, until the metrics say which of the hosts are away: 1 is away, 0 is not. */
async function untilAway(hosts: { primary: 0 | 1; replica: 0 | 1 }): Promise<void> {
  for (let attempt = 0; attempt < 100; attempt += 1) {
    const away = Object.entries(hosts).map(async ([role, wanted]) => {
      return (await metric(`pg_host_away{role="${role}"}`)) === wanted;
    });
    if ((await Promise.all(away)).every(Boolean)) return;
    await sleep(100);
  }
  assert.fail(`the hosts never were as expected: ${JSON.stringify(hosts)}`);
}

const untilNobodyAway = () => untilAway({ primary: 0, replica: 0 });

const paths = ['/api/quotes/random', '/api/quotes?limit=5', '/api/quotes/1', '/?after=3'];
const startReaders = (of = app) =>
  startClients(8, 20, async (nth) => {
    const what = paths[nth % paths.length] ?? '/';
    return { what, answer: await fetch(`${of.url}${what}`) };
  });

/** Every read is answered while `harm` is done and lasts, and none waits longer than a client would. */
async function assertServed(t: TestContext, harm: () => unknown, lastsMs: number): Promise<void> {
  const { outcomes, stop } = startReaders();
  await sleep(200);
  await harm();
  await sleep(lastsMs);
  await pair.restore();
  await sleep(300);
  await stop();
  const failed = outcomes.filter(({ status }) => status !== 200);
  assert.deepEqual(failed, []);
  const longest = Math.max(...outcomes.map(({ took }) => took));
  const gap = longestGap(outcomes, 200);
  t.diagnostic(
    `${outcomes.length} reads, the longest ${longest.toFixed()} ms, ${gap.toFixed()} ms without one`,
  );
  assert.ok(longest < 5000, `a read took ${longest} ms`);
}

const hosts: [string, () => TcpService][] = [
  ['the replica', () => pair.ro],
  ['the primary', () => pair.rw],
];
for (const [name, service] of hosts) {
  test(`no read fails when ${name} goes and refuses connections`, async (t) => {
    await assertServed(
      t,
      async () => {
        await service().refuse();
        service().cut();
      },
      1500,
    );
  });

  test(`no read fails when every connection to ${name} breaks`, async (t) => {
    await assertServed(t, () => service().cut(), 300);
  });

  test(`no read fails when the node of ${name} is lost without a word`, async (t) => {
    await assertServed(t, () => service().freeze(), 3000);
  });

  test(`no read fails when ${name} moves and the old connections go dead`, async (t) => {
    await assertServed(
      t,
      async () => {
        service().freeze();
        await service().leadTo(pair.primary.port);
      },
      3000,
    );
  });
}

test('no read fails when the processes of the replica are stopped cold', async (t) => {
  await assertServed(t, () => pair.replica.freeze(), 3000);
  await pair.replica.stop();
  await pair.replica.start();
});

test('a read that hangs is asked of the other host long before its time is over', async (t) => {
  // Were it asked only after the first host's own timeout, its time would be over.
  const patient = await startQuoteApp({ ...pair.variables, PG_STATEMENT_TIMEOUT_MS: '3490' });
  t.after(() => patient.kill('SIGKILL'));
  await untilReady(patient);
  const { outcomes, stop } = startReaders(patient);
  await sleep(200);
  pair.ro.freeze();
  await sleep(1000);
  await stop();
  assert.deepEqual(
    outcomes.filter(({ status }) => status !== 200),
    [],
  );
});

test('a database that is slow for a while keeps its connections, and no read fails', async (t) => {
  const connections = async () => {
    const pids = "SELECT pid FROM pg_stat_activity WHERE application_name = 'pod-a' ORDER BY pid";
    return (await pair.primary.query(pids)).map(({ pid }) => pid);
  };
  // Both addresses lead to the one server, as where there is no other.
  await pair.ro.leadTo(pair.primary.port);
  pair.ro.cut();
  let before: unknown[] = [];
  await assertServed(
    t,
    async () => {
      before = await connections();
      await pair.primary.query('BEGIN; LOCK TABLE quotes; SELECT pg_sleep(2); COMMIT');
    },
    300,
  );
  const after = new Set(await connections());
  assert.ok(before.length > 0);
  assert.deepEqual(
    before.filter((pid) => !after.has(pid)),
    [],
    'connections were made anew, which makes a slow server slower',
  );
});

test('a host that is away is not asked first', async () => {
  const { stop } = startReaders();
  pair.ro.freeze();
  await untilAway({ primary: 0, replica: 1 });
  await stop();
  const before = await metric('pg_read_retries_total');
  for (let nth = 0; nth < 20; nth += 1) await fetch(`${app.url}/api/quotes/random`);
  // Not 0: on a busy machine the primary may now and then be slow enough to ask the other one too.
  assert.ok((await metric('pg_read_retries_total')) - before < 10);
});

test('no read fails when both lose every connection at once', async (t) => {
  await assertServed(
    t,
    () => {
      pair.ro.cut();
      pair.rw.cut();
    },
    300,
  );
});

test('no read fails when replay on the replica cancels it', async (t) => {
  const conflicts = async () => {
    const sql = 'select sum(confl_lock)::int as count from pg_stat_database_conflicts';
    return Number((await pair.replica.query(sql))[0]?.count);
  };
  await pair.replica.query("alter system set max_standby_streaming_delay = '0'");
  await pair.replica.query('select pg_reload_conf()');
  await assertServed(
    t,
    async () => {
      for (let attempt = 0; attempt < 500 && (await conflicts()) === 0; attempt += 1) {
        await pair.primary.query('begin; lock table quotes in access exclusive mode; commit');
      }
    },
    0,
  );
  assert.ok((await conflicts()) > 0);
});

for (const harm of ['refuse', 'freeze'] as const) {
  test(`with both hosts away (${harm}) a read is answered with 503 and Retry-After`, async (t) => {
    await Promise.all([pair.ro[harm](), pair.rw[harm]()]);
    if (harm === 'refuse') {
      pair.ro.cut();
      pair.rw.cut();
    }
    const began = performance.now();
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => fetch(`${app.url}/api/quotes/random`)),
    );
    const took = performance.now() - began;
    t.diagnostic(`20 reads at once took ${took.toFixed()} ms`);
    for (const answer of answers) {
      assert.equal(answer.status, 503);
      assert.ok(Number(answer.headers.get('retry-after')) > 0);
    }
    assert.ok(took < 5000, `the reads took ${took} ms`);
  });
}

test('a quote is found at its Location although the replica lags, and the list reads the replica', async () => {
  const total = async () => {
    const page = (await (await fetch(`${app.url}/api/quotes`)).json()) as { total: number };
    return page.total;
  };
  await pair.replica.query('select pg_wal_replay_pause()');
  const before = await total();
  const answer = await post(app, { text: 'Read your writes.', author: 'A Client' });
  assert.equal(answer.status, 201);
  assert.equal((await fetch(`${app.url}${answer.headers.get('location')}`)).status, 200);
  assert.equal(await total(), before);
  // While only the replica can be asked, it is not known whether there is such a quote.
  await pair.rw.refuse();
  pair.rw.cut();
  assert.equal((await fetch(`${app.url}${answer.headers.get('location')}`)).status, 503);
  await pair.replica.query('select pg_wal_replay_resume()');
});

test('a host that went away and came back is logged once each, whatever was asked meanwhile', async () => {
  const from = app.lines.length;
  const said = (msg: string) => app.lines.slice(from).filter((line) => line.msg === msg);
  const { stop } = startReaders();
  await pair.ro.refuse();
  pair.ro.cut();
  await sleep(1000);
  await pair.restore();
  await untilNobodyAway();
  await stop();
  assert.deepEqual(
    ['the database is away', 'the database is back'].map((msg) => said(msg).map(({ role }) => role)),
    [['replica'], ['replica']],
  );
});
