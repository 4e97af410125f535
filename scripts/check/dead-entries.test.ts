import assert from 'node:assert/strict';
import { test } from 'node:test';
import { copy, findingsOf, lineOf, spoil } from './spoilt-copy.ts';

const prod = 'overlays/prod/kustomization.yaml';

test('an entry is dead when nothing it matches was ever there, and alive when it deletes what it matches', async (t) => {
  const root = await copy(t);
  const patches = [
    '  - target: {kind: Service, name: quote-app}\n    patch: |-\n      $patch: delete\n      apiVersion: v1\n      kind: Service\n      metadata: {name: any}\n',
    '  - target: {kind: Service, name: quote}\n    patch: |-\n      $patch: delete\n      apiVersion: v1\n      kind: Service\n      metadata: {name: any}\n',
    '  - target: {kind: Service, name: edge-pods}\n    options: {allowKindChange: true}\n    patch: |-\n      - {op: replace, path: /kind, value: LimitRange}\n',
  ];
  await spoil(root, prod, 'patches:\n', `patches:\n${patches.join('')}`);
  const images = '  - name: sidecar\n    newTag: "2"\n  - name: sidecars\n    newTag: "2"\n';
  await spoil(root, prod, 'images:\n', `images:\n${images}`);
  await spoil(root, prod, '  - path: pod-disruption', '  - path: sidecar.yaml\n  - path: pod-disruption');
  await spoil(
    root,
    'overlays/prod/sidecar.yaml',
    '',
    'apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: quote-app}\nspec: {template: {spec: {containers: [{name: sidecar, image: sidecar}]}}}\n',
  );
  const dead = (await findingsOf(root)).filter(({ rule }) => rule === 'dead-entry');
  assert.deepEqual(
    dead.map(({ line, message }) => [line, message]),
    [
      [await lineOf(root, prod, '- name: sidecars'), 'no container has the image sidecars'],
      [await lineOf(root, prod, '- target: {kind: Service, name: quote}'), 'this patch matches no object'],
    ],
  );
});
