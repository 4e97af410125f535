import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { startPair } from './pair.ts';
import { startQuoteApp, untilReady } from './quote-app.ts';
import { startClients } from './steady.ts';

test('reads leave a replica that became the primary, and none fails when that stops cold', async (t) => {
  const pair = await startPair();
  t.after(() => pair.remove());
  const app = await startQuoteApp(pair.variables);
  t.after(() => app.kill('SIGKILL'));
  await untilReady(app);
  const { outcomes, stop } = startClients(4, 20, async () => {
    return { what: 'random', answer: await fetch(`${app.url}/api/quotes/random`) };
  });
  await sleep(300);
  await pair.replica.query('select pg_promote()');
  // As in a cluster, the address for reads leads to the new primary until somebody has said that it is one.
  await sleep(1000);
  await pair.ro.leadTo(pair.primary.port);
  const left = "select count(*)::integer as left from pg_stat_activity where application_name = 'pod-a'";
  const before = outcomes.length;
  for (let attempt = 0; attempt < 150; attempt += 1) {
    const [row] = await pair.replica.query(left);
    if (row?.left === 0) break;
    await sleep(100);
  }
  assert.deepEqual(await pair.replica.query(left), [{ left: 0 }]);
  pair.replica.freeze();
  await sleep(3000);
  await stop();
  assert.ok(outcomes.length > before);
  assert.deepEqual(
    outcomes.filter(({ status }) => status !== 200),
    [],
  );
});
