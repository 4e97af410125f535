import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JsonMap } from '../check/model.ts';
import { type Heal, HealWatch } from './heals.ts';

const argocd = 'argocd-controller';
const tracked = { 'f:metadata': { 'f:annotations': { 'f:argocd.argoproj.io/tracking-id': {} } } };

/** A Deployment of dev's Application as the API server has it: who owns what, and its replicas and image. */
function deployment(replicas: number | undefined, image: string, owners: Record<string, JsonMap>): JsonMap {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: {
      name: 'quote-app',
      namespace: 'dev',
      annotations: { 'argocd.argoproj.io/tracking-id': 'dev:apps/Deployment:dev/quote-app' },
      managedFields: Object.entries(owners).map(([manager, spec], index) => ({
        manager,
        operation: manager === argocd ? 'Apply' : 'Update',
        time: `2026-11-25T10:00:0${index}Z`,
        fieldsV1: { ...(manager === argocd && tracked), 'f:spec': spec },
      })),
    },
    spec: {
      ...(replicas !== undefined && { replicas }),
      template: { spec: { containers: [{ name: 'quote-app', image }] } },
    },
    status: { readyReplicas: 1 },
  };
}

const images = {
  'f:template': { 'f:spec': { 'f:containers': { 'k:{"name":"quote-app"}': { '.': {}, 'f:image': {} } } } },
};
const all = { 'f:replicas': {}, ...images };

/** What a watch that sees these states, a second apart, tells; null is the object gone, 'push' a new commit. */
function healsOf(...states: (JsonMap | null | 'push')[]): Heal[] {
  const told: Heal[] = [];
  let revision = 0;
  const watch = new HealWatch(
    () => `commit ${revision}`,
    (heal) => told.push(heal),
  );
  let last: JsonMap = {};
  for (const [second, state] of states.entries()) {
    const at = new Date(Date.UTC(2026, 10, 25, 10, 0, second));
    if (state === 'push') {
      revision += 1;
      continue;
    }
    const object = state ?? last;
    const metadata = { ...(object.metadata as JsonMap), resourceVersion: String(100 + second) };
    const sight = { object: { ...object, metadata }, gone: state === null };
    watch.see(sight, at);
    // A second watch of the same objects comes later.
    watch.see(sight, at);
    last = object;
  }
  return told;
}

const asInGit = deployment(2, 'a', { [argocd]: all });

test('a field that somebody changed and Argo CD put back is a heal, with what Git says, what it was, and who', () => {
  const drifted = deployment(5, 'a', { [argocd]: images, 'kubectl-scale': { 'f:replicas': {} } });
  assert.deepEqual(healsOf(asInGit, drifted, asInGit), [
    {
      environment: 'dev',
      object: { kind: 'Deployment', namespace: 'dev', name: 'quote-app' },
      fields: [{ path: 'spec.replicas', wanted: 2, drifted: 5 }],
      by: 'kubectl-scale',
      drifted: '2026-11-25T10:00:01.000Z',
      healed: '2026-11-25T10:00:02.000Z',
    },
  ]);
});

test('a field within a list is found, and what was changed twice is told once, as it was last', () => {
  const owners = { [argocd]: { 'f:replicas': {} }, 'kubectl-edit': images };
  const [heal, ...more] = healsOf(asInGit, deployment(2, 'b', owners), deployment(2, 'c', owners), asInGit);
  assert.deepEqual(more, []);
  assert.deepEqual(heal?.fields, [
    { path: 'spec.template.spec.containers[quote-app].image', wanted: 'a', drifted: 'c' },
  ]);
});

test('a field that was taken away and came back is a heal', () => {
  const without = deployment(undefined, 'a', { [argocd]: images, 'kubectl-edit': {} });
  assert.deepEqual(healsOf(asInGit, without, asInGit)[0]?.fields, [{ path: 'spec.replicas', wanted: 2 }]);
});

test('an object that was deleted and that Argo CD made again is a heal; one that stays away is none', () => {
  const [heal, ...more] = healsOf(asInGit, null, asInGit);
  assert.deepEqual(more, []);
  assert.deepEqual(heal?.fields, []);
  assert.equal(heal?.by, '');
  assert.deepEqual(healsOf(asInGit, null), []);
});

test('an object that Git took away and brought back is no heal', () => {
  assert.deepEqual(healsOf(asInGit, 'push', null, 'push', asInGit), []);
});

test('what Git changed is no heal, not even where somebody had changed it before', () => {
  const pushed = deployment(3, 'a', { [argocd]: all });
  assert.deepEqual(healsOf(asInGit, pushed), []);
  const drifted = deployment(5, 'a', { [argocd]: images, 'kubectl-scale': { 'f:replicas': {} } });
  assert.deepEqual(healsOf(asInGit, drifted, pushed), []);
});

test('what Argo CD never applied, as an autoscaler sets, is no drift', () => {
  const scaled = (replicas: number) =>
    deployment(replicas, 'a', { [argocd]: images, 'kube-controller-manager': { 'f:replicas': {} } });
  assert.deepEqual(healsOf(scaled(2), scaled(4), scaled(2)), []);
});

test('an element that somebody added to a list, and took out again, is no heal', () => {
  const withSecond = (second: boolean): JsonMap => {
    const object = deployment(2, 'a', { [argocd]: all, ...(second && { 'kubectl-patch': {} }) });
    const containers = [...(second ? [{ name: 'evil', image: 'x' }] : []), { name: 'quote-app', image: 'a' }];
    return { ...object, spec: { replicas: 2, template: { spec: { containers } } } };
  };
  assert.deepEqual(healsOf(withSecond(false), withSecond(true), withSecond(false)), []);
});

test('what somebody put back by hand is no heal', () => {
  const byHand = (replicas: number) =>
    deployment(replicas, 'a', { [argocd]: images, 'kubectl-scale': { 'f:replicas': {} } });
  assert.deepEqual(healsOf(asInGit, byHand(5), byHand(2), asInGit), []);
});

test('what no environment deploys is passed over', () => {
  const strange = { ...asInGit, metadata: { name: 'quote-app', namespace: 'dev' } };
  assert.deepEqual(healsOf(strange, null, strange), []);
});
