import assert from 'node:assert/strict';
import { test } from 'node:test';
import { syncWindowProblems } from './sync-window-problems.ts';

const window = {
  kind: 'deny',
  schedule: '0 18 * * 5',
  duration: '60h',
  timeZone: 'Europe/Berlin',
  description: 'weekends: nobody is there',
};
const problems = (...syncWindows: object[]) =>
  syncWindowProblems({ metadata: { name: 'prod' }, spec: { syncWindows } }, new Date('2026-11-28T12:00:00Z'));

test('what holds up every sync is said with its end, and no window that is over, allows, or is not understood', () => {
  assert.deepEqual(problems(window), [
    'frozen until 2026-11-30T05:00:00.000Z: weekends: nobody is there: nothing is synced or healed by itself',
  ]);
  assert.deepEqual(problems({ ...window, description: undefined, timeZone: undefined }), [
    'frozen until 2026-11-30T06:00:00.000Z: 0 18 * * 5: nothing is synced or healed by itself',
  ]);
  assert.deepEqual(problems({ ...window, duration: '1h' }), []);
  assert.deepEqual(problems({ ...window, kind: 'allow' }), []);
  assert.deepEqual(problems({ ...window, schedule: '@weekly' }), []);
  assert.deepEqual(syncWindowProblems({ metadata: { name: 'prod' } }, new Date()), []);
});
