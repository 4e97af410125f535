import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Changes } from './changes.ts';

function sight(kind: string, generation?: number, gone = false) {
  const metadata = { namespace: 'dev', name: 'a', ...(generation !== undefined && { generation }) };
  return { object: { apiVersion: 'v1', kind, metadata }, gone };
}

test('a new generation is a change, and a new status is none', () => {
  const changes = new Changes();
  const seen = [1, 1, 2, 2, 3].map((generation) => changes.isChange(sight('Deployment', generation)));
  assert.deepEqual(seen, [true, false, true, false, true]);
  assert.equal(changes.isChange(sight('Deployment', 3, true)), true);
  assert.equal(changes.isChange(sight('Deployment', 3)), true);
});

test('what has no generation is changed each time, and what changes by itself never', () => {
  const changes = new Changes();
  assert.equal(changes.isChange(sight('ConfigMap')), true);
  assert.equal(changes.isChange(sight('ConfigMap')), true);
  for (const kind of ['Pod', 'Event', 'Application', 'HorizontalPodAutoscaler']) {
    assert.equal(changes.isChange(sight(kind)), false, kind);
  }
});
