import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isDue } from './audits.ts';

const second = 1000;

test('the first audit comes soon after the start, whether or not somebody looks', () => {
  assert.equal(isDue({ begun: 0 }, 5 * second, true), false);
  assert.equal(isDue({ begun: 0 }, 11 * second, false), true);
});

test('after a change somebody who looks has an audit when it has settled, or goes on too long', () => {
  const since = (firstChange: number, lastChange: number, now: number, watched = true) =>
    isDue({ begun: 0, ended: 100 * second, firstChange, lastChange }, now, watched);
  assert.equal(since(110 * second, 110 * second, 120 * second), false);
  assert.equal(since(110 * second, 110 * second, 131 * second), true);
  assert.equal(since(110 * second, 160 * second, 165 * second), false);
  assert.equal(since(110 * second, 170 * second, 171 * second), true);
  // Nobody looks: it can wait.
  assert.equal(since(110 * second, 110 * second, 131 * second, false), false);
});

test('without any change there is one every quarter of an hour', () => {
  assert.equal(isDue({ begun: 0, ended: 0 }, 899 * second, false), false);
  assert.equal(isDue({ begun: 0, ended: 0 }, 901 * second, false), true);
});
