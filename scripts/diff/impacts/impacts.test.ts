import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Json, JsonMap, Role } from '../../check/model.ts';
import { fieldChanges } from '../fields.ts';
import { ruleFor } from './classify.ts';
import { impacts, type Subject } from './impact.ts';
import { impactRules } from './table.ts';

type Context = { role?: Role; isAutoscaled?: boolean; isSameAdmitted?: boolean };

/** What a rule is an example of: a kind, what it was and is, and the rules of its changes. */
type Example = [
  kind: string,
  was: JsonMap | undefined,
  is: JsonMap | undefined,
  rules: string[],
  context?: Context,
];

const spec = (fields: JsonMap): JsonMap => ({ spec: fields });
const pods = (image: string, more: JsonMap = {}): JsonMap =>
  spec({ ...more, template: { spec: { containers: [{ name: 'app', image }] } } });
const annotated = (annotations: JsonMap, fields: JsonMap = {}): JsonMap => ({
  metadata: { annotations },
  ...fields,
});
const requests = (storage: string): JsonMap => spec({ resources: { requests: { storage } } });
const versions = (...names: string[]): JsonMap => spec({ versions: names.map((name) => ({ name })) });

const deployment = 'apps/Deployment';
const statefulSet = 'apps/StatefulSet';
const cluster = 'postgresql.cnpg.io/Cluster';
const claim = 'PersistentVolumeClaim';
const definition = 'apiextensions.k8s.io/CustomResourceDefinition';
const hooked = { 'argocd.argoproj.io/hook': 'PreSync' };

const examples: Example[] = [
  [deployment, spec({}), spec({ replicas: 1 }), ['same'], { isSameAdmitted: true }],
  [definition, {}, undefined, ['definition-removed']],
  ['PersistentVolume', {}, undefined, ['volume-removed']],
  ['Namespace', {}, undefined, ['holder-removed'], { role: 'upstream' }],
  ['Namespace', {}, undefined, ['object-removed']],
  ['Service', {}, undefined, ['network-removed']],
  ['networking.k8s.io/NetworkPolicy', undefined, {}, ['network-added']],
  ['autoscaling/HorizontalPodAutoscaler', {}, undefined, ['autoscaler-removed']],
  ['autoscaling/HorizontalPodAutoscaler', undefined, {}, ['autoscaler-added']],
  ['batch/Job', annotated(hooked, pods('a')), undefined, ['hook-removed']],
  [deployment, pods('a'), undefined, ['pods-removed']],
  ['batch/CronJob', {}, undefined, ['workload-removed']],
  [deployment, undefined, pods('a'), ['pods-added']],
  [cluster, undefined, {}, ['workload-added']],
  ['ConfigMap', {}, undefined, ['object-removed']],
  ['ConfigMap', undefined, {}, ['object-added']],
  ['batch/Job', annotated(hooked, pods('a')), annotated(hooked, pods('b')), ['hook']],
  ['Service', spec({ clusterIP: 'None' }), spec({ clusterIP: '10.0.0.1' }), ['cluster-ip']],
  ['Service', spec({ clusterIP: 'None' }), spec({}), ['network']],
  [
    'Service',
    spec({ type: 'ExternalName', clusterIP: '' }),
    spec({ type: 'ExternalName', clusterIP: 'None' }),
    ['network'],
  ],
  ['Service', spec({ loadBalancerClass: 'a' }), spec({ loadBalancerClass: 'b' }), ['load-balancer-class']],
  [
    'networking.k8s.io/IngressClass',
    spec({ controller: 'a' }),
    spec({ controller: 'b' }),
    ['ingress-controller'],
  ],
  ['discovery.k8s.io/EndpointSlice', { addressType: 'IPv4' }, { addressType: 'IPv6' }, ['address-type']],
  [
    'Service',
    annotated({ 'quotes.check/needs': 'a' }),
    annotated({ 'quotes.check/needs': 'b' }),
    ['network-labels'],
  ],
  [
    'networking.k8s.io/Ingress',
    annotated({}),
    annotated({ 'nginx.example/rate': '1' }),
    ['network-annotations'],
  ],
  ['Service', spec({ ports: [{ port: 80 }] }), spec({ ports: [{ port: 81 }] }), ['network', 'network']],
  ['gateway.networking.k8s.io/HTTPRoute', spec({ a: 1 }), spec({ a: 2 }), ['network']],
  ['ConfigMap', annotated({}), annotated({ 'argocd.argoproj.io/sync-wave': '1' }), ['sync-options']],
  [cluster, annotated({}), annotated({ 'cnpg.io/hibernation': 'on' }), ['hibernation']],
  [cluster, annotated({}), annotated({ 'cnpg.io/other': 'on' }), ['operators-annotations']],
  [
    'Namespace',
    { metadata: { labels: { a: 'b' } } },
    { metadata: { labels: { a: 'c' } } },
    ['namespace-labels'],
  ],
  [deployment, { metadata: { labels: { a: 'b' } } }, { metadata: { labels: { a: 'c' } } }, ['labels']],
  ['ConfigMap', { metadata: { name: 'a' } }, { metadata: { name: 'b' } }, ['generated-name']],
  ['ConfigMap', { metadata: { finalizers: ['a'] } }, { metadata: { finalizers: ['b'] } }, ['metadata']],
  [deployment, spec({ replicas: 1 }), spec({ replicas: 2 }), ['autoscaled-replicas'], { isAutoscaled: true }],
  [deployment, spec({ replicas: 1 }), spec({ replicas: 2 }), ['more-replicas']],
  [deployment, spec({}), spec({ replicas: 2 }), ['more-replicas']],
  [cluster, spec({ instances: 3 }), spec({ instances: 2 }), ['fewer-replicas']],
  [statefulSet, spec({ replicas: 3 }), spec({}), ['fewer-replicas']],
  [
    'autoscaling/HorizontalPodAutoscaler',
    spec({ maxReplicas: 3 }),
    spec({ maxReplicas: 4 }),
    ['autoscaler-more'],
  ],
  [
    'autoscaling/HorizontalPodAutoscaler',
    spec({ minReplicas: 3 }),
    spec({ minReplicas: 2 }),
    ['autoscaler-less'],
  ],
  [
    deployment,
    spec({ selector: { matchLabels: { a: 'b' } } }),
    spec({ selector: { matchLabels: { a: 'c' } } }),
    ['selector'],
  ],
  [statefulSet, spec({ updateStrategy: { type: 'OnDelete' } }), spec({}), ['stateful-set-options']],
  [
    statefulSet,
    spec({ ordinals: { start: 1 } }),
    spec({ ordinals: { start: 2 } }),
    ['stateful-set-ordinals'],
  ],
  ['batch/Job', spec({ backoffLimit: 1 }), spec({ backoffLimit: 2 }), ['job-options']],
  ['batch/Job', pods('a'), pods('b'), ['job']],
  [
    'Pod',
    spec({ containers: [{ name: 'a', image: 'x' }] }),
    spec({ containers: [{ name: 'a', image: 'y' }] }),
    ['pod-image'],
  ],
  ['Pod', spec({ nodeName: 'a' }), spec({ nodeName: 'b' }), ['pod']],
  [claim, requests('2Gi'), requests('1024Mi'), ['claim-smaller']],
  [claim, requests('2Gi'), requests('3Gi'), ['claim-larger']],
  [claim, spec({ storageClassName: 'a' }), spec({ storageClassName: 'b' }), ['claim']],
  ['PersistentVolume', spec({ mountOptions: ['a'] }), spec({ mountOptions: ['b'] }), ['volume']],
  ['PersistentVolume', spec({ nfs: { path: '/a' } }), spec({ nfs: { path: '/b' } }), ['volume-source']],
  ['storage.k8s.io/StorageClass', { provisioner: 'a' }, { provisioner: 'b' }, ['storage-class']],
  [
    'storage.k8s.io/StorageClass',
    { allowVolumeExpansion: false },
    { allowVolumeExpansion: true },
    ['config'],
  ],
  ['scheduling.k8s.io/PriorityClass', { value: 1 }, { value: 2 }, ['priority-value']],
  [
    'rbac.authorization.k8s.io/RoleBinding',
    { roleRef: { name: 'a' } },
    { roleRef: { name: 'b' } },
    ['role-ref'],
  ],
  ['Secret', { type: 'Opaque' }, { type: 'kubernetes.io/tls' }, ['secret-type']],
  ['ConfigMap', { immutable: true, data: { a: 'b' } }, { immutable: true, data: { a: 'c' } }, ['frozen']],
  ['ConfigMap', { data: { a: 'b' } }, { immutable: true, data: { a: 'b' } }, ['config']],
  ['node.k8s.io/RuntimeClass', { handler: 'a' }, { handler: 'b' }, ['runtime-handler']],
  [definition, spec({ scope: 'Cluster' }), spec({ scope: 'Namespaced' }), ['definition']],
  [definition, versions('v1alpha1', 'v1'), versions('v1'), ['definition-version']],
  [definition, versions('v1'), versions('v1', 'v2'), ['config']],
  ['resource.k8s.io/ResourceClaim', spec({ a: 1 }), spec({ a: 2 }), ['resource-claim']],
  [
    'postgresql.cnpg.io/Database',
    spec({ ensure: 'present' }),
    spec({ ensure: 'absent' }),
    ['database-absent'],
  ],
  [
    cluster,
    spec({ storage: { size: '2Gi' } }),
    spec({ storage: { size: '1Gi' } }),
    ['database-storage-smaller'],
  ],
  [cluster, spec({ walStorage: { size: '2Gi' } }), spec({}), ['database-wal-storage']],
  ['barmancloud.cnpg.io/ObjectStore', spec({ a: 1 }), spec({ a: 2 }), ['backup-destination']],
  [
    'apps/DaemonSet',
    pods('a', { updateStrategy: { type: 'OnDelete' } }),
    pods('b', { updateStrategy: { type: 'OnDelete' } }),
    ['on-delete'],
  ],
  [
    'batch/CronJob',
    spec({ jobTemplate: { a: 1 } }),
    spec({ jobTemplate: { a: 2 } }),
    ['replica-set-template'],
  ],
  [deployment, pods('a'), pods('b'), ['pod-template']],
  [statefulSet, pods('a'), pods('b'), ['pod-template']],
  [
    cluster,
    spec({ postgresql: { parameters: { a: '1' } } }),
    spec({ postgresql: { parameters: { a: '2' } } }),
    ['operators-pods'],
  ],
  [cluster, spec({ storage: { size: '1Gi' } }), spec({ storage: { size: '2Gi' } }), ['operators-options']],
  [
    cluster,
    spec({ walStorage: { size: '1Gi', storageClass: 'a' } }),
    spec({ walStorage: { size: '1Gi' } }),
    ['operators-options'],
  ],
  [cluster, spec({ priorityClassName: 'a' }), spec({ priorityClassName: 'b' }), ['operators-pod-options']],
  ['argoproj.io/Rollout', pods('a'), pods('b'), ['own-pods']],
  [statefulSet, spec({ serviceName: 'a' }), spec({ serviceName: 'b' }), ['stateful-set']],
  [
    statefulSet,
    spec({ volumeClaimTemplates: [] }),
    spec({ volumeClaimTemplates: [{ metadata: { name: 'a' } }] }),
    ['stateful-set'],
  ],
  [deployment, { status: { a: 1 } }, { status: { a: 2 } }, ['status']],
  [deployment, spec({ strategy: { type: 'Recreate' } }), spec({}), ['config']],
];

function rulesOf([kind, was, is, , context = {}]: Example): string[] {
  const subject: Omit<Subject, 'change'> = {
    kind,
    role: context.role ?? 'environment',
    was,
    is,
    isAutoscaled: context.isAutoscaled ?? false,
    isSameAdmitted: context.isSameAdmitted ?? false,
  };
  const changes = was === undefined || is === undefined ? [undefined] : fieldChanges(was, is);
  return changes.map((change) => ruleFor({ ...subject, change }).id);
}

test('each rule is the one of its example', () => {
  for (const example of examples) {
    const [kind, was, is, rules] = example;
    assert.deepEqual(
      rulesOf(example),
      rules,
      JSON.stringify({ kind, was, is } as { [key: string]: Json | undefined }),
    );
  }
});

test('no rule is without an example, or without a change that it is the first to match', () => {
  assert.deepEqual(
    impactRules.map(({ id }) => id).filter((id) => !examples.some(([, , , rules]) => rules.includes(id))),
    [],
  );
  assert.equal(new Set(impactRules.map(({ id }) => id)).size, impactRules.length);
  assert.deepEqual(
    impacts.filter((impact) => !impactRules.some((rule) => rule.impact === impact)),
    [],
  );
});
