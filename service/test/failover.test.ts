import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Pair, startPair } from './pair.ts';
import { environment, post, type QuoteApp, startQuoteApp, untilReady } from './quote-app.ts';
import { longestGap, type Outcome, startClients } from './steady.ts';

/** A quote-app on a pair of its own, whose replica has confirmed every write that is answered. */
async function start(t: TestContext): Promise<{ pair: Pair; app: QuoteApp }> {
  const pair = await startPair();
  t.after(() => pair.remove());
  await pair.primary.query("alter system set synchronous_standby_names = '*'");
  await pair.primary.query('select pg_reload_conf()');
  const app = await startQuoteApp(pair.variables);
  t.after(() => app.kill('SIGKILL'));
  await untilReady(app);
  return { pair, app };
}

/** Writers, each of whose quotes has a text of its own. */
const startWriters = (app: QuoteApp, count = 4) =>
  startClients(count, 20, async (nth) => {
    const what = `quote ${nth}`;
    return { what, answer: await post(app, { text: what, author: 'A Writer' }) };
  });

const startReaders = (app: QuoteApp) =>
  startClients(4, 20, async () => {
    return { what: 'random', answer: await fetch(`${app.url}/api/quotes/random`) };
  });

const withStatus = (outcomes: readonly Outcome[], status: number) =>
  outcomes.filter((outcome) => outcome.status === status);

/** How the primary goes, and what the world looks like from then on. */
const ends: [string, (pair: Pair) => Promise<unknown>][] = [
  [
    'is killed',
    async ({ primary, rw }) => {
      await primary.kill();
      await rw.refuse();
    },
  ],
  [
    'is shut down',
    async ({ primary, rw }) => {
      await primary.stop();
      await rw.refuse();
    },
  ],
  ['is stopped cold', async ({ primary }) => primary.freeze()],
  [
    'is lost with its node, without a word',
    async ({ primary, rw }) => {
      rw.freeze();
      primary.freeze();
    },
  ],
];

for (const [how, end] of ends) {
  test(`the primary ${how}: no acknowledged row is lost or there twice, and reads are served`, async (t) => {
    const { pair, app } = await start(t);
    const { outcomes: writes, ...writers } = startWriters(app);
    const { outcomes: reads, ...readers } = startReaders(app);
    await sleep(500);
    await end(pair);
    await sleep(2000);
    await pair.replica.query('select pg_promote()');
    await pair.rw.leadTo(pair.replica.port);
    const accepting = performance.now();
    const firstAfter = () => withStatus(writes, 201).find(({ at }) => at > accepting);
    for (let attempt = 0; attempt < 100 && firstAfter() === undefined; attempt += 1) await sleep(100);
    await sleep(500);
    await Promise.all([writers.stop(), readers.stop()]);

    const acknowledged = withStatus(writes, 201);
    const longest = Math.max(...[...writes, ...reads].map(({ took }) => took));
    const figures = {
      'acknowledged writes': acknowledged.length,
      'refused writes': withStatus(writes, 503).length,
      'ms without a write': longestGap(writes, 201),
      'ms from the new primary to a write': (firstAfter()?.at ?? Number.NaN) - accepting,
      'ms without a read': longestGap(reads, 200),
      'ms the longest request took': longest,
    };
    for (const [what, figure] of Object.entries(figures)) t.diagnostic(`${what}: ${figure.toFixed()}`);

    assert.ok(firstAfter(), 'no write succeeded after the switch');
    assert.equal(acknowledged.length + withStatus(writes, 503).length, writes.length);
    assert.equal(withStatus(reads, 200).length, reads.length);
    assert.ok(longest < 5000, `a request took ${longest} ms`);
    const rows = await pair.replica.query("select text from quotes where author = 'A Writer'");
    const present = rows.map(({ text }) => text);
    assert.equal(new Set(present).size, present.length, 'a row is there twice');
    const lost = acknowledged.filter(({ what }) => !present.includes(what));
    assert.deepEqual(lost, []);
  });
}

test('a switchover refuses no write where the old connections lead to a server that is only read', async (t) => {
  const { pair, app } = await start(t);
  // Reads alone fill the pool of the address for writes with connections to the server that is a replica.
  await pair.rw.leadTo(pair.replica.port);
  await pair.ro.refuse();
  pair.rw.cut();
  pair.ro.cut();
  await Promise.all(Array.from({ length: 20 }, () => fetch(`${app.url}/api/quotes?limit=100`)));
  await pair.rw.leadTo(pair.primary.port);
  for (let nth = 0; nth < 10; nth += 1) {
    assert.equal((await post(app, { text: `Moved ${nth}.`, author: 'A Writer' })).status, 201);
  }
});

test('a write that comes to a standby waits until it is the primary, and reads do not', async (t) => {
  const { pair, app } = await start(t);
  const write = async (text: string) => (await post(app, { text, author: 'A Writer' })).status;
  await pair.rw.refuse();
  await pair.ro.refuse();
  pair.rw.cut();
  pair.ro.cut();
  const waiting = ['One.', 'Another.'].map(write);
  await sleep(300);
  await pair.rw.leadTo(pair.replica.port);
  await sleep(300);
  assert.equal(await Promise.race([Promise.any(waiting), sleep(1, 'nothing')]), 'nothing');
  assert.equal((await fetch(`${app.url}/api/quotes/random`)).status, 200);
  await pair.replica.query('select pg_promote()');
  assert.deepEqual(await Promise.all(waiting), [201, 201]);
  const written = "select text from quotes where author = 'A Writer' order by text";
  assert.deepEqual(await pair.replica.query(written), [{ text: 'Another.' }, { text: 'One.' }]);
});

test('a write that waits at a standby goes to another server that is the primary instead', async (t) => {
  const { pair, app } = await start(t);
  await pair.rw.leadTo(pair.replica.port);
  pair.rw.cut();
  const waiting = post(app, { text: 'Moved.', author: 'A Writer' });
  await sleep(500);
  await pair.rw.leadTo(pair.primary.port);
  pair.rw.cut();
  assert.equal((await waiting).status, 201);
});

test('that there is no such quote is not said by a standby at the address of the primary', async (t) => {
  const { pair, app } = await start(t);
  assert.equal((await fetch(`${app.url}/api/quotes/999999`)).status, 404);
  await pair.rw.leadTo(pair.replica.port);
  pair.rw.cut();
  assert.equal((await fetch(`${app.url}/api/quotes/999999`)).status, 503);
});

test('one write that hangs is enough: the next one finds where the primary is', async (t) => {
  const { pair, app } = await start(t);
  const write = async (text: string) => (await post(app, { text, author: 'A Writer' })).status;
  // As many connections as the pool holds go dead, and the address leads to the primary all the while.
  pair.rw.freeze();
  await pair.rw.leadTo(pair.primary.port);
  assert.deepEqual(
    [await write('Hangs.'), await write('Does not.'), await write('Nor this.')],
    [503, 201, 201],
  );
});

test('without a primary a write is answered with 503 and Retry-After, refused or hanging', async (t) => {
  const { pair, app } = await start(t);
  for (const harm of ['refuse', 'freeze'] as const) {
    await pair.rw.leadTo(pair.primary.port);
    await pair.rw[harm]();
    if (harm === 'refuse') pair.rw.cut();
    const began = performance.now();
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, nth) => post(app, { text: `${harm} ${nth}`, author: 'A Writer' })),
    );
    const took = performance.now() - began;
    t.diagnostic(`${harm}: 20 writes at once took ${took.toFixed()} ms`);
    for (const answer of answers) {
      assert.equal(answer.status, 503);
      assert.ok(Number(answer.headers.get('retry-after')) > 0);
    }
    assert.ok(took < 5000, `the writes took ${took} ms`);
  }
});

test('a write that no standby confirmed is not acknowledged, and leaves no process waiting', async (t) => {
  const { pair, app } = await start(t);
  await pair.replica.stop();
  const write = () => post(app, { text: 'Unconfirmed.', author: 'A Writer' });
  const answers = await Promise.all(Array.from({ length: 12 }, write));
  assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([503]));
  const waiting = async () => {
    const sql = "select pid from pg_stat_activity where wait_event = 'SyncRep'";
    return (await pair.primary.query(sql)).map(({ pid }) => pid);
  };
  for (let attempt = 0; attempt < 100 && (await waiting()).length > 0; attempt += 1) await sleep(50);
  assert.deepEqual(await waiting(), []);
  // Reads go on, and the primary answers them.
  assert.equal((await fetch(`${app.url}/api/quotes/random`)).status, 200);
});

test('a write that is given up leaves the others waiting for their standby', async (t) => {
  const { pair, app } = await start(t);
  await pair.replica.stop();
  const { stop } = startWriters(app, 12);
  await sleep(5000);
  await stop();
  const reasons = app.lines.map(({ reason }) => String(reason));
  assert.ok(reasons.some((reason) => reason.startsWith('no answer within')));
  assert.deepEqual(
    reasons.filter((reason) => reason.includes('canceling wait')),
    [],
  );
});

test('a commit whose wait for a standby is cancelled on the server is not acknowledged', async (t) => {
  const { pair, app } = await start(t);
  await pair.replica.stop();
  const answer = post(app, { text: 'Cancelled.', author: 'A Writer' });
  const cancel = "select pg_cancel_backend(pid) from pg_stat_activity where wait_event = 'SyncRep'";
  for (let attempt = 0; attempt < 100; attempt += 1) {
    if ((await pair.primary.query(cancel)).length > 0) break;
    await sleep(5);
  }
  assert.equal((await answer).status, 503);
  // It is there: an answer of 201 would have come before, and would have been a lie.
  const rows = await pair.primary.query("select 1 from quotes where text = 'Cancelled.'");
  assert.equal(rows.length, 1);
});

test('a server that lets nobody in is tried by one connection at a time', async (t) => {
  const waiting = new Set<Socket>();
  const busy = createServer((socket) => {
    waiting.add(socket.resume().on('error', () => {}));
    socket.once('close', () => waiting.delete(socket));
  });
  busy.listen(0, '127.0.0.1');
  await once(busy, 'listening');
  const { port } = busy.address() as AddressInfo;
  const lonely = await startQuoteApp(environment('pod-lonely', port));
  t.after(() => {
    lonely.kill('SIGKILL');
    busy.close();
  });
  await fetch(`${lonely.url}/api/quotes/random`);
  // The read's own connection has ended by then.
  await sleep(4000);
  let most = 0;
  for (let look = 0; look < 40; look += 1) {
    most = Math.max(most, waiting.size);
    await sleep(50);
  }
  // One that asks whether it is back, and one for the schema.
  assert.ok(most <= 2, `${most} connections at once`);
});
