import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Kubectl } from './kubectl.ts';
import { overriddenEnvironments, type RootObject, updateOverrides } from './root-application.ts';

const overrides = { dev: ['quote-app=registry/quote-app@sha256:a'] };

/** Stands in for kubectl, which would need a cluster: what the root was patched with. */
function recorder(): { kubectl: Kubectl; patches: string[] } {
  const patches: string[] = [];
  const kubectl = async (args: string[]) => {
    patches.push(args.find((arg) => arg.startsWith('--patch=')) ?? '');
    return '';
  };
  return { kubectl: kubectl as unknown as Kubectl, patches };
}

test('overrides that hold are not written again, in whatever order the API server has their keys', async () => {
  const { kubectl, patches } = recorder();
  const root: RootObject = { kind: 'Application', spec: { source: { repoURL: 'http://git/quotes.git' } } };
  assert.equal(await updateOverrides(kubectl, root, overrides), true);
  const { spec } = JSON.parse(patches[0]?.slice('--patch='.length) ?? '') as RootObject;
  const live = {
    ...root,
    spec: {
      source: { repoURL: 'http://git/quotes.git', kustomize: { patches: spec.source?.kustomize?.patches } },
    },
  };
  const sorted = JSON.parse(sortedKeys(live)) as RootObject;
  assert.notEqual(JSON.stringify(sorted), JSON.stringify(live));
  assert.equal(await updateOverrides(kubectl, sorted, overrides), false);
  assert.equal(patches.length, 1);
  assert.deepEqual(overriddenEnvironments(sorted), new Set(['dev']));
  assert.equal(await updateOverrides(kubectl, sorted, {}), true);
});

test('before there is a root nothing is overridden and nothing is written', async () => {
  const { kubectl, patches } = recorder();
  assert.equal(overriddenEnvironments(undefined), undefined);
  assert.equal(await updateOverrides(kubectl, undefined, overrides), false);
  assert.deepEqual(patches, []);
});

function sortedKeys(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}
