import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { repoRoot } from '../../../paths.ts';
import { policyViolations } from '../../admission/gate.ts';
import { readPolicies } from '../../admission/policy.ts';
import { isMap, type JsonMap, type RenderedObject, text, valueAt } from '../../model.ts';
import { findKustomize } from '../../programs.ts';
import { renderedObject, renderKustomization } from '../../render.ts';
import { servedKinds } from '../../schemas/served-kinds.ts';
import { schemaStore } from '../../schemas/store.ts';
import { policiesTarget } from '../../targets.ts';
import { YamlFiles } from '../../yaml/yaml-files.ts';

const labels = { 'cnpg.io/cluster': 'postgres', 'app.kubernetes.io/name': 'postgres' };

const owned = (
  name: string,
  more: JsonMap = {},
  owner = ['postgresql.cnpg.io/v1', 'Cluster', 'postgres'],
) => ({
  metadata: {
    name,
    namespace: 'prod',
    labels: { ...labels, ...more },
    ownerReferences: [
      { apiVersion: owner[0] ?? '', kind: owner[1] ?? '', name: owner[2] ?? '', uid: 'x', controller: true },
    ],
  },
});

/** As `createClusterPodSpec` and `CreatePrimaryJob` have it, with the sidecar of the Barman Cloud plug-in. */
function podSpec(cluster: JsonMap, store: JsonMap, restartPolicy: string): JsonMap {
  const context = {
    seccompProfile: { type: 'RuntimeDefault' },
    capabilities: { drop: ['ALL'] },
    privileged: false,
    runAsNonRoot: true,
    readOnlyRootFilesystem: true,
    allowPrivilegeEscalation: false,
  };
  const container = (name: string, image: string, resources: JsonMap): JsonMap => ({
    name,
    image: `ghcr.io/cloudnative-pg/${image}`,
    resources,
    securityContext: context,
    env: [
      { name: 'PGDATA', value: '/var/lib/postgresql/data/pgdata' },
      { name: 'NAMESPACE', value: 'prod' },
      { name: 'PSQL_HISTORY', value: '/controller/tmp/.psql_history' },
    ],
  });
  const own = valueAt(cluster, ['spec', 'resources']);
  const sidecar = valueAt(store, ['spec', 'instanceSidecarConfiguration', 'resources']);
  return {
    serviceAccountName: 'postgres',
    restartPolicy,
    initContainers: [
      container('bootstrap-controller', 'cloudnative-pg:1.30.1', isMap(own) ? own : {}),
      {
        ...container(
          'plugin-barman-cloud',
          'plugin-barman-cloud-sidecar:v0.14.0',
          isMap(sidecar) ? sidecar : {},
        ),
        restartPolicy: 'Always',
      },
    ],
    containers: [container('postgres', 'postgresql:15-minimal-bookworm', isMap(own) ? own : {})],
    securityContext: {
      seccompProfile: { type: 'RuntimeDefault' },
      runAsUser: 26,
      runAsGroup: 26,
      fsGroup: 26,
      runAsNonRoot: true,
    },
    volumes: [
      { name: 'pgdata', persistentVolumeClaim: { claimName: 'postgres-1' } },
      { name: 'scratch-data', emptyDir: {} },
      { name: 'shm', emptyDir: { medium: 'Memory' } },
      { name: 'plugins', emptyDir: {} },
    ],
  };
}

function madeOf(cluster: JsonMap, store: JsonMap): JsonMap[] {
  const job = { 'cnpg.io/jobRole': 'initdb' };
  const ofJob = ['batch/v1', 'Job', 'postgres-1-initdb'];
  return [
    { apiVersion: 'v1', kind: 'Pod', ...owned('postgres-1'), spec: podSpec(cluster, store, 'Always') },
    {
      apiVersion: 'batch/v1',
      kind: 'Job',
      ...owned('postgres-1-initdb', job),
      spec: { template: { metadata: { labels: job }, spec: podSpec(cluster, store, 'Never') } },
    },
    {
      apiVersion: 'v1',
      kind: 'Pod',
      ...owned('postgres-1-initdb-x', job, ofJob),
      spec: podSpec(cluster, store, 'Never'),
    },
    {
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      ...owned('postgres-1'),
      spec: { accessModes: ['ReadWriteOnce'], storageClassName: 'local-path' },
    },
    {
      apiVersion: 'policy/v1',
      kind: 'PodDisruptionBudget',
      ...owned('postgres-primary'),
      spec: { minAvailable: 1, selector: { matchLabels: labels } },
    },
    {
      apiVersion: 'v1',
      kind: 'Service',
      ...owned('postgres-rw'),
      spec: { type: 'ClusterIP', selector: labels, ports: [{ port: 5432 }] },
    },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'Role',
      ...owned('postgres'),
      rules: [{ apiGroups: [''], resources: ['secrets'], verbs: ['get'], resourceNames: ['postgres-ca'] }],
    },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'RoleBinding',
      ...owned('postgres'),
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'postgres' },
      subjects: [{ kind: 'ServiceAccount', name: 'postgres' }],
    },
  ];
}

test("what CloudNativePG makes of prod's Cluster is refused by no policy there, and what only looks like it is", async (t) => {
  const scratch = await mkdtemp(path.join(tmpdir(), 'quotes-operator-'));
  t.after(() => rm(scratch, { recursive: true }));
  const kustomize = await findKustomize(() => {});
  const files = new YamlFiles();
  const prod = {
    role: 'environment',
    environment: 'prod',
    dir: path.join(repoRoot, 'overlays/prod'),
  } as const;
  const { objects } = await renderKustomization(kustomize, prod, path.join(scratch, 'prod'), files);
  const rendered = await renderKustomization(
    kustomize,
    policiesTarget(repoRoot),
    path.join(scratch, 'x'),
    files,
  );
  const { policies } = readPolicies(rendered.objects);
  const { resources } = await servedKinds(await schemaStore());
  const ofKind = (kind: string) => objects.find(({ id }) => id.kind === kind)?.value ?? {};
  const refused = (made: RenderedObject[]) =>
    policyViolations([...objects, ...made], policies, resources)
      .violations.filter(({ object }) => made.includes(object))
      .map(({ policy, object }) => `${policy.rule.id}: ${object.id.kind} ${object.id.name}`);
  const made = madeOf(ofKind('Cluster'), ofKind('ObjectStore'));
  assert.deepEqual(refused(made.map((value) => renderedObject(prod, value, ''))), []);
  const strangers = made.map((value) => {
    const metadata = isMap(value.metadata) ? value.metadata : {};
    const ownerReferences = [{ apiVersion: 'example.org/v1', kind: 'Cluster', name: 'postgres', uid: 'x' }];
    const name = `${text(metadata.name)}-stranger`;
    return renderedObject(prod, { ...value, metadata: { ...metadata, name, ownerReferences } }, '');
  });
  assert.deepEqual(refused(strangers).sort(), [
    'job-deadline: Job postgres-1-initdb-stranger',
    'job-deadline: Job postgres-1-initdb-stranger',
    'node-local-storage: PersistentVolumeClaim postgres-1-stranger',
    'service-account: Job postgres-1-initdb-stranger',
    'service-account: Pod postgres-1-initdb-x-stranger',
    'service-account: Pod postgres-1-stranger',
  ]);
});
