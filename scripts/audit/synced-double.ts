import assert from 'node:assert/strict';
import { isMap, type Json, type JsonMap, type RenderedObject, text, valueAt } from '../check/model.ts';
import { argocdNamespace } from '../diff/live/applications.ts';
import { idOf } from '../diff/live/cluster.ts';
import { asLive, type ClusterDouble } from './cluster-double.ts';
import type { GitState } from './git.ts';

/** For tests: a cluster that has what a repository says, as far as an audit looks at it, and what is made of that. */
export function syncedCluster({ root, renders }: GitState): ClusterDouble {
  const ofRole = (role: string) => renders.filter(({ target }) => target.role === role);
  const folderOf = (application: JsonMap) =>
    `${root}/${text(valueAt(application, ['spec', 'source', 'path']))}`;
  const deployedBy = (application: JsonMap): RenderedObject[] =>
    renders.find(({ target }) => 'dir' in target && target.dir === folderOf(application))?.objects ?? [];
  const apps = ofRole('apps').flatMap(({ objects }) => objects.map(({ value }) => inArgocd(value)));
  const applications = apps
    .filter(({ kind }) => kind === 'Application')
    .map((application) => ({
      ...asLive(application, { managers: ['quotes'] }),
      status: {
        sync: { status: 'Synced' },
        resources: deployedBy(application).map(({ value }) => resourceOf(value)),
      },
    }));
  const deployed = ofRole('environment').flatMap(({ objects }) => objects.map(({ value }) => asLive(value)));
  const outside = ofRole('environment').flatMap(({ target }) => credentials(target.environment));
  return { objects: [...applications, ...deployed, ...outside, ...deployed.flatMap(madeOf)] };
}

function inArgocd(value: JsonMap): JsonMap {
  return { ...value, metadata: { namespace: argocdNamespace, ...(isMap(value.metadata) && value.metadata) } };
}

function resourceOf(value: JsonMap): JsonMap {
  const [version = '', group = ''] = text(value.apiVersion).split('/').reverse();
  const { kind, namespace, name } = idOf(value);
  return { group, version, kind, name, status: 'Synced', ...(namespace !== '' && { namespace }) };
}

/** The Secrets that `npm start` makes. */
function credentials(namespace: string): JsonMap[] {
  const secret = (name: string, keys: string[]) => {
    const data = Object.fromEntries(keys.map((key) => [key, 'c2VjcmV0']));
    const value = { apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace }, data };
    return asLive(value, { managers: ['kubectl-create'] });
  };
  return [
    secret('postgres-credentials', ['username', 'password']),
    secret('postgres-owner', ['username', 'password']),
    ...(namespace === 'prod' ? [secret('backup-credentials', ['ACCESS_KEY_ID', 'ACCESS_SECRET_KEY'])] : []),
  ];
}

/** Of a Deployment its ReplicaSet, and of that a pod. */
function madeOf(value: JsonMap): JsonMap[] {
  if (value.kind !== 'Deployment') {
    return [];
  }
  const { namespace, name } = idOf(value);
  const template = valueAt(value, ['spec', 'template']) ?? {};
  const labels = valueAt(template, ['metadata', 'labels']) ?? {};
  const managers = ['kube-controller-manager'];
  const set = asLive(
    {
      apiVersion: 'apps/v1',
      kind: 'ReplicaSet',
      metadata: { name: `${name}-7d`, namespace, labels },
      spec: { replicas: 1, selector: valueAt(value, ['spec', 'selector']) ?? {}, template },
    },
    { owner: value, managers },
  );
  const pod = asLive(
    {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: `${name}-7d-x`, namespace, labels },
      spec: structuredClone(valueAt(template, ['spec']) ?? {}),
    },
    { owner: set, managers },
  );
  return [set, pod];
}

/** The cluster with another value in a field of one of its objects. */
export function changed(
  cluster: ClusterDouble,
  object: string,
  field: (string | number)[],
  value: Json,
): ClusterDouble {
  const objects = structuredClone(cluster.objects);
  const found = objects.find(
    (one) => `${idOf(one).kind}/${idOf(one).name} in ${idOf(one).namespace}` === object,
  );
  assert.ok(found, `there is no ${object}`);
  const parent = valueAt(found, field.slice(0, -1));
  const last = field.at(-1) ?? '';
  if (Array.isArray(parent) && typeof last === 'number') {
    parent[last] = value;
  } else {
    assert.ok(isMap(parent), `${object} has no ${field.join('.')}`);
    parent[last] = value;
  }
  return { ...cluster, objects };
}

/** The cluster with more objects. */
export const withMore = (cluster: ClusterDouble, ...more: JsonMap[]): ClusterDouble => ({
  ...cluster,
  objects: [...cluster.objects, ...more],
});
