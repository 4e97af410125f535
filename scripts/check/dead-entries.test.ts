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

test('a replacement whose target selects nothing is dead, in its file too, and one that selects something is not', async (t) => {
  const root = await copy(t);
  const source = 'source: {kind: Service, name: edge, fieldPath: metadata.name}';
  const into = (name: string) =>
    `    targets:\n      - select: {kind: Deployment, name: ${name}}\n        fieldPaths: [metadata.annotations.database]\n        options: {create: true}\n`;
  await spoil(
    root,
    prod,
    'patches:\n',
    `replacements:\n  - ${source}\n${into('quote-app')}${into('quote-ap').replace('    targets:\n', '')}  - path: copies.yaml\npatches:\n`,
  );
  await spoil(
    root,
    'overlays/prod/copies.yaml',
    '',
    `- ${source}\n  targets:\n    - select: {kind: Deploymnt}\n      fieldPaths: [metadata.name]\n`,
  );
  assert.deepEqual(
    (await findingsOf(root)).map(({ rule, file, line, message }) => [rule, file, line, message]),
    [
      [
        'dead-entry',
        'overlays/prod/copies.yaml',
        await lineOf(root, 'overlays/prod/copies.yaml', '- select: {kind: Deploymnt}'),
        "this replacement's target selects no object",
      ],
      [
        'dead-entry',
        prod,
        await lineOf(root, prod, '- select: {kind: Deployment, name: quote-ap}'),
        "this replacement's target selects no object",
      ],
    ],
  );
});

test("a plug-in's patch that matches nothing is dead", async (t) => {
  const root = await copy(t);
  const plugin = (name: string) =>
    `apiVersion: builtin\nkind: PatchTransformer\nmetadata: {name: ${name}}\npatch: |-\n  - {op: add, path: /metadata/labels/x, value: z}\ntarget: {kind: Service, name: ${name}}\n`;
  await spoil(root, 'overlays/prod/plugins.yaml', '', `${plugin('quote-app')}---\n${plugin('quote-ap')}`);
  await spoil(root, prod, 'transformers:\n', 'transformers:\n  - plugins.yaml\n');
  assert.deepEqual(
    (await findingsOf(root)).map(({ rule, file, line }) => [rule, file, line]),
    [['dead-entry', 'overlays/prod/plugins.yaml', 8]],
  );
});
