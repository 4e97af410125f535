import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Drill } from './drill.ts';
import { type Run, resilience } from './resilience.ts';

const drill: Drill = {
  name: 'pod-kill',
  environment: 'prod',
  cause: 'a pod is deleted',
  holds: 'no request fails',
  usually: '20 s',
  goal: { figure: 'deleted → capacity', seconds: 2 },
  elsewhere: { notes: '8 s' },
  run: () => Promise.reject(new Error('not here')),
};
const run = (nth: number, seconds: number, passed = true): Run => ({
  drill: 'pod-kill',
  started: `2026-11-24T12:0${nth}:00.000Z`,
  passed,
  requests: 100,
  failed: passed ? [] : [{}],
  figures: { 'deleted → capacity': seconds, 'deleted → gone': 7 },
});
const machine = { processor: '', memory: '', system: '', load: '', go: '', commit: '', date: '2026-11-24' };

test('the document has median and worst of the last five runs, beside the goal and what others observed', () => {
  const newestFirst = [run(7, 1), run(6, 3), run(5, 2, false), run(4, 5), run(3, 4), run(2, 99), run(1, 99)];
  const document = resilience([drill, { ...drill, name: 'never-run' }], newestFirst, machine);
  const rows = document
    .split('\n')
    .filter((line) => /^\| (pod-kill| )/.test(line))
    .map((line) => line.replaceAll(/ {2,}/g, ' '));
  assert.deepEqual(rows, [
    '| pod-kill | 4 of 5 | 500 | 1 | deleted → capacity | 3.0 s | 5.0 s | 2 s | 8 s | |',
    '| | | | | deleted → gone | 7.0 s | 7.0 s | | | |',
  ]);
  assert.doesNotMatch(document, /never-run/);
});

test('a drill that was not run on this cluster keeps its rows', () => {
  const other = { ...drill, name: 'drain' };
  const before = resilience([drill, other], [run(2, 3), { ...run(1, 9), drill: 'drain' }], machine);
  assert.equal(resilience([drill, other], [run(2, 3)], machine, before), before);
  const after = resilience([drill, other], [run(3, 5)], machine, before);
  assert.match(after, /^\| pod-kill .* 5\.0 s/m);
  assert.match(after, /^\| drain .* 9\.0 s.*\n\| +\| .* 7\.0 s/m);
});
