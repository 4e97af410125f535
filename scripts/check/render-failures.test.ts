import assert from 'node:assert/strict';
import { test } from 'node:test';
import { copy, findingsOf, lineOf, spoil } from './spoilt-copy.ts';

const prod = 'overlays/prod/kustomization.yaml';

/** What is spoilt in an overlay so that Kustomize refuses it, and the line that it is about. */
const refusals: { what: string; from: string; to: string; at: string; says: RegExp }[] = [
  {
    what: 'a generator that merges into nothing',
    from: 'patches:\n',
    to: 'configMapGenerator:\n  - name: settings\n    behavior: merge\n    literals: [a=b]\npatches:\n',
    at: '- name: settings',
    says: /^ConfigMap settings does not exist/,
  },
  {
    what: 'a patch of what is not there',
    from: 'patches:\n',
    to: 'patches:\n  - patch: |-\n      apiVersion: v1\n      kind: Service\n      metadata:\n        name: quotes\n',
    at: 'name: quotes',
    says: /Service.*quotes/,
  },
  {
    what: 'an operation on a field that is not there',
    from: 'patches:\n',
    to: 'patches:\n  - target: {kind: Deployment}\n    patch: |-\n      - op: remove\n        path: /spec/pauzed\n',
    at: 'path: /spec/pauzed',
    says: /pauzed/,
  },
  {
    what: 'a replacement of a field that is not there',
    from: 'patches:\n',
    to: 'replacements:\n  - source: {kind: Service, name: postgres, fieldPath: metadata.name}\n    targets:\n      - select: {kind: Deployment}\n        fieldPaths:\n          - spec.nothing.name\npatches:\n',
    at: '- spec.nothing.name',
    says: /spec.nothing.name/,
  },
  {
    what: 'a replacement from what is not there',
    from: 'patches:\n',
    to: 'replacements:\n  - source:\n      kind: Service\n      name: postgrse\n    targets:\n      - select: {kind: Deployment}\n        fieldPaths: [metadata.name]\npatches:\n',
    at: '- source:',
    says: /nothing selected by .*postgrse/,
  },
];

for (const { what, from, to, at, says } of refusals) {
  test(`${what} is render-failed at its line`, async (t) => {
    const root = await copy(t);
    await spoil(root, prod, from, to);
    const [found] = (await findingsOf(root)).filter(({ rule }) => rule === 'render-failed');
    assert.deepEqual([found?.file, found?.line], [prod, await lineOf(root, prod, at)]);
    assert.match(found?.message ?? '', says);
  });
}
