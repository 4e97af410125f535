import assert from 'node:assert/strict';
import { test } from 'node:test';
import { environmentView, type PageObjects, type PagePod } from './state.ts';

function pod(
  name: string,
  of: string,
  more: Partial<PagePod['metadata'] & { ready: boolean }> = {},
): PagePod {
  const { ready = true, labels, ...metadata } = more;
  return {
    metadata: {
      namespace: 'prod',
      name,
      uid: name,
      creationTimestamp: '2026-11-25T10:00:00Z',
      labels: { 'app.kubernetes.io/name': of, ...labels },
      ...metadata,
    },
    spec: { nodeName: 'n1', containers: [] },
    status: {
      phase: 'Running',
      containerStatuses: [
        { name: 'c', ready, restartCount: 2, state: { running: { startedAt: '2026-11-25T10:00:00Z' } } },
      ],
    },
  };
}

const objects: PageObjects = {
  applications: [],
  projects: [],
  deployments: [],
  pods: [],
  autoscalers: [],
  databases: [],
  events: [],
};
const around = { requests: () => undefined, lag: () => undefined, heals: [] };
const at = new Date('2026-11-25T10:00:05Z');

test('of ten thousand pods those with a problem come first, a few are shown, and figures are called a sample', () => {
  const pods = Array.from({ length: 10_000 }, (_, index) =>
    pod(`quote-app-${index}`, 'quote-app', { ready: index !== 9000 }),
  );
  const requests = () => ({ perSecond: 1, failedPerSecond: 0 });
  const view = environmentView('prod', { ...objects, pods }, { ...around, requests }, at);
  assert.equal(view.pods[0]?.name, 'quote-app-9000');
  assert.deepEqual([view.pods.length, view.podCount, view.isSample], [30, 10_000, true]);
  assert.deepEqual(environmentView('dev', { ...objects, pods }, around, at).pods, []);
});

test("a pod's state is kubectl's word for it, with its restarts", () => {
  const gone = pod('a', 'quote-app', { deletionTimestamp: '2026-11-25T10:00:04Z' });
  const evicted = { ...pod('b', 'quote-app'), status: { phase: 'Failed', reason: 'Evicted' } };
  const crashing = pod('c', 'quote-app');
  const waiting = { name: 'c', state: { waiting: { reason: 'CrashLoopBackOff' } } };
  crashing.status.containerStatuses = [waiting];
  const view = environmentView('prod', { ...objects, pods: [gone, evicted, crashing] }, around, at);
  assert.deepEqual(
    view.pods.map(({ name, state, ready, restarts }) => [name, state, ready, restarts]),
    [
      ['a', 'Terminating', true, 2],
      ['b', 'Evicted', false, 0],
      ['c', 'CrashLoopBackOff', false, 0],
    ],
  );
});

test("a database's instances have the roles that the operator says now, and standbys how far behind they are", () => {
  const role = (value: string) => ({
    labels: { 'app.kubernetes.io/name': 'postgres', 'cnpg.io/instanceRole': value },
  });
  const pods = [
    pod('postgres-1', 'postgres', role('primary')),
    pod('postgres-2', 'postgres', role('replica')),
    pod('postgres-3', 'postgres', role('replica')),
  ];
  const databases = [
    {
      metadata: { namespace: 'prod', name: 'postgres' },
      spec: { instances: 3 },
      status: { currentPrimary: 'postgres-2' },
    },
  ];
  const view = environmentView('prod', { ...objects, pods, databases }, { ...around, lag: () => 0.5 }, at);
  assert.deepEqual(
    view.database.map(({ name, role, lag }) => [name, role, lag]),
    [
      ['postgres-1', 'was primary', 0.5],
      ['postgres-2', 'primary', undefined],
      ['postgres-3', 'replica', 0.5],
    ],
  );
  // The one pod of dev and staging has no role.
  const single = environmentView('prod', { ...objects, pods: [pod('postgres-x', 'postgres')] }, around, at);
  assert.deepEqual(
    single.database.map(({ role, lag }) => [role, lag]),
    [[undefined, undefined]],
  );
});
