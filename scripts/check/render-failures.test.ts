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
    to: 'replacements:\n  - source: {kind: Service, name: edge, fieldPath: metadata.name}\n    targets:\n      - select: {kind: Deployment}\n        fieldPaths:\n          - spec.nothing.name\npatches:\n',
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
  {
    what: 'replicas of a name that nothing has',
    from: '- name: edge\n',
    to: '- name: edg\n',
    at: '- name: edg',
    says: /resource with name edg/,
  },
  {
    what: 'a patch that is no YAML',
    from: 'patches:\n',
    to: 'patches:\n  - target: {kind: Service}\n    patch: |-\n      a: [\n',
    at: '- target: {kind: Service}',
    says: /unable to parse/,
  },
  {
    what: 'an operation that JSON patches do not have',
    from: 'patches:\n',
    to: 'patches:\n  - target: {kind: Service}\n    patch: |-\n      - {op: test, path: /kind, value: Service}\n      - {op: ad, path: /a, value: 1}\n',
    at: '- {op: ad',
    says: /Unexpected kind: ad/,
  },
  {
    what: 'a pattern that is none',
    from: 'patches:\n',
    to: 'patches:\n  - target: {kind: "Serv["}\n    patch: |-\n      - {op: remove, path: /spec}\n',
    at: '- target: {kind: "Serv["}',
    says: /regexp/,
  },
  {
    what: 'a literal that is no KEY=VALUE',
    from: 'patches:\n',
    to: 'configMapGenerator:\n  - name: haproxy\n    literals: [nothing]\npatches:\n',
    at: 'literals: [nothing]',
    says: /literal source nothing/,
  },
  {
    what: 'a base that is listed twice',
    from: '  - policy-parameters.yaml\n',
    to: '  - policy-parameters.yaml\n  - ../../base/edge/\n',
    at: '- ../../base/edge/',
    says: /already registered/,
  },
  {
    what: 'a base that is listed as a component',
    from: 'components:\n',
    to: 'components:\n  - ../../base/postgres-ha/\n',
    at: '- ../../base/postgres-ha/',
    says: /expected kind 'Component'/,
  },
  {
    what: 'a circle',
    from: 'resources:\n',
    to: 'resources:\n  - ../../overlays/prod\n',
    at: '- ../../overlays/prod',
    says: /cycle/,
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

test('a manifest that Kustomize does not take is render-failed at its place in its own file', async (t) => {
  const manifest = (metadata: string) => `apiVersion: v1\nkind: Service\nmetadata:\n  ${metadata}\n`;
  const refused: Record<string, { text: string; line: number; says: RegExp }> = {
    'an object of another file again': {
      text: `${manifest('name: own')}---\n${manifest('name: quote-app')}`,
      line: 9,
      says: /already registered id: Service.v1.*quote-app/,
    },
    'one without a name': {
      text: `${manifest('name: own')}---\n${manifest('labels: {}')}`,
      line: 8,
      says: /missing metadata.name/,
    },
    'one without a kind': { text: 'apiVersion: v1\nmetadata:\n  name: own\n', line: 2, says: /missing kind/ },
  };
  for (const [what, { text, line, says }] of Object.entries(refused)) {
    const root = await copy(t);
    // A file of the same name in a base is not the one.
    await spoil(root, prod, 'replicas:', '  - service.yaml\nreplicas:');
    await spoil(root, 'overlays/prod/service.yaml', '', text);
    const [found] = (await findingsOf(root)).filter(({ rule }) => rule === 'render-failed');
    assert.deepEqual([found?.file, found?.line], ['overlays/prod/service.yaml', line], what);
    assert.match(found?.message ?? '', says);
  }
});
