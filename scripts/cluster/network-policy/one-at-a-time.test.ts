import assert from 'node:assert/strict';
import { test } from 'node:test';
import { oneAtATime } from './one-at-a-time.ts';

test('a run that failed is told to who asked for it, and the next one begins all the same', async () => {
  let runs = 0;
  const run = oneAtATime(async () => {
    runs += 1;
    if (runs === 1) {
      throw new Error('nft is busy');
    }
  });
  await assert.rejects(run(), /nft is busy/);
  await run();
  await run();
  assert.equal(runs, 3);
});

test('all who ask while it runs get one run after it', async () => {
  let [runs, now] = [0, 0];
  const run = oneAtATime(async () => {
    runs += 1;
    now += 1;
    assert.equal(now, 1);
    await new Promise((resolve) => setTimeout(resolve, 10));
    now -= 1;
  });
  const first = run();
  await new Promise((resolve) => setTimeout(resolve, 1));
  await Promise.all([first, run(), run(), run()]);
  assert.equal(runs, 2);
});
