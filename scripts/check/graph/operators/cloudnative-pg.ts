import { type FieldPath, isMap, type Json, type JsonMap, maps, text, valueAt } from '../../model.ts';
import type { Node } from '../graph.ts';
import type { Made, Named, Operator } from './operators.ts';

const group = 'postgresql.cnpg.io';
const cluster = `${group}/Cluster`;
const objectStore = 'barmancloud.cnpg.io/ObjectStore';

/** Of github.com/cloudnative-pg/cloudnative-pg/pkg/management/url and postgres: PostgreSQL, metrics, status. */
const ports = { postgresql: 5432, metrics: 9187, status: 8000 };

/** Of more instances nothing new is known, and a number may be a slip. */
const most = 20;

/** Where upstream's manifest installs the operator, and what its pods are called. */
const operatorPods = { namespace: 'cnpg-system', labels: { 'app.kubernetes.io/name': 'cloudnative-pg' } };

/** CloudNativePG 1.30 and its Barman Cloud plug-in, from their pkg/specs and api/v1. */
export const cloudnativePg: Operator = {
  makes: (node) => (node.kind === cluster ? madeOfCluster(node) : undefined),
  refersTo: (node) => {
    if (node.kind === cluster) {
      return clusterReferences(node);
    }
    if (node.kind === objectStore) {
      return selectors(node.spec, ['spec']);
    }
    // Backups, poolers, databases, roles, publications and subscriptions: all are of a Cluster.
    const path = ['spec', 'cluster', 'name'];
    const isOfCluster = node.kind.startsWith(`${group}/`) && node.kind !== cluster;
    return isOfCluster ? [named(path, cluster, valueAt(node.object.value, path))] : [];
  },
  replicas: { [cluster]: 'instances' },
};

function madeOfCluster({ object, spec }: Node): Made {
  const { name } = object.id;
  const instances = typeof spec.instances === 'number' ? spec.instances : 1;
  const pods = Array.from({ length: Math.min(instances, most) }, (_, index) => {
    const instance = `${name}-${index + 1}`;
    // Which one leads is known at run time alone: here the first.
    const role = index === 0 ? 'primary' : 'replica';
    return { labels: podLabels(name, instance, role, spec), spec: podSpec(name, instance, spec) };
  });
  return {
    pods,
    objects: [...services(name, spec), ...secrets(name, spec), ...budgets(name, instances, spec)].concat(
      text(spec.serviceAccountName) === '' ? [manifest('v1', 'ServiceAccount', name)] : [],
      pods.flatMap((_, index) => claims(`${name}-${index + 1}`, spec)),
    ),
    arrivals: [
      { port: ports.postgresql, from: 'each other' },
      { port: ports.status, from: 'each other' },
      { port: ports.status, from: operatorPods },
    ],
  };
}

function manifest(apiVersion: string, kind: string, name: string, fields: JsonMap = {}): JsonMap {
  return { apiVersion, kind, metadata: { name }, ...fields };
}

/** `buildInstance`; what is inherited goes before. */
function podLabels(name: string, instance: string, role: string, spec: JsonMap): JsonMap {
  const [, version = ''] = /:(\d+)[^/]*$/.exec(text(spec.imageName)) ?? [];
  const inherited = valueAt(spec, ['inheritedMetadata', 'labels']);
  return {
    'app.kubernetes.io/component': 'database',
    'app.kubernetes.io/instance': name,
    'app.kubernetes.io/managed-by': 'cloudnative-pg',
    'app.kubernetes.io/name': 'postgresql',
    'app.kubernetes.io/version': version,
    'cnpg.io/instanceName': instance,
    'cnpg.io/instanceRole': role,
    'cnpg.io/podRole': 'instance',
    role,
    ...(isMap(inherited) ? inherited : {}),
    'cnpg.io/cluster': name,
  };
}

/** `createClusterPodSpec`, as far as it is the object's and not the operator's own. */
function podSpec(name: string, instance: string, spec: JsonMap): JsonMap {
  const same = ['env', 'envFrom', 'resources'].flatMap((field) => {
    const value = spec[field];
    return value === undefined ? [] : [[field, value]];
  });
  const affinity = isMap(spec.affinity) ? spec.affinity : {};
  return {
    nodeSelector: isMap(affinity.nodeSelector) ? affinity.nodeSelector : {},
    tolerations: maps(affinity.tolerations),
    serviceAccountName: text(spec.serviceAccountName) || name,
    priorityClassName: text(spec.priorityClassName),
    imagePullSecrets: maps(spec.imagePullSecrets),
    topologySpreadConstraints: maps(spec.topologySpreadConstraints),
    volumes: [
      { name: 'pgdata', persistentVolumeClaim: { claimName: instance } },
      ...(isMap(spec.projectedVolumeTemplate)
        ? [{ name: 'projected', projected: spec.projectedVolumeTemplate }]
        : []),
    ],
    containers: [
      {
        ...Object.fromEntries(same),
        name: 'postgres',
        ports: Object.entries(ports).map(([port, containerPort]) => ({
          name: port,
          containerPort,
          protocol: 'TCP',
        })),
      },
    ],
  };
}

const serviceSelectors: Record<string, JsonMap> = {
  rw: { 'cnpg.io/instanceRole': 'primary' },
  ro: { 'cnpg.io/instanceRole': 'replica' },
  r: { 'cnpg.io/podRole': 'instance' },
};

/** `CreateCluster*Service` and `BuildManagedServices`. */
function services(name: string, spec: JsonMap): JsonMap[] {
  const managed = valueAt(spec, ['managed', 'services']);
  const { additional, disabledDefaultServices } = isMap(managed) ? managed : {};
  const disabled = Array.isArray(disabledDefaultServices) ? disabledDefaultServices : [];
  const service = (named: string, type: string): JsonMap =>
    manifest('v1', 'Service', named, {
      spec: {
        selector: { 'cnpg.io/cluster': name, ...serviceSelectors[type] },
        ports: [{ name: 'postgres', port: ports.postgresql, targetPort: ports.postgresql }],
      },
    });
  return [
    ...Object.keys(serviceSelectors)
      .filter((type) => !disabled.includes(type))
      .map((type) => service(`${name}-${type}`, type)),
    ...maps(additional).map(({ selectorType, serviceTemplate = null }) =>
      service(text(valueAt(serviceTemplate, ['metadata', 'name'])), text(selectorType)),
    ),
  ];
}

const credentials = ['username', 'password'];
/** `CreateSecret`. */
const connection = [
  'user',
  'dbname',
  'host',
  'port',
  'pgpass',
  'uri',
  'jdbc-uri',
  'fqdn-uri',
  'fqdn-jdbc-uri',
];

/** Those that the object does not bring itself. */
function secrets(name: string, spec: JsonMap): JsonMap[] {
  const secret = (suffix: string, keys: string[]) =>
    manifest('v1', 'Secret', `${name}-${suffix}`, {
      data: Object.fromEntries(keys.map((key) => [key, ''])),
    });
  const certificates = isMap(spec.certificates) ? spec.certificates : {};
  const brings = (field: string) => text(certificates[field]) !== '';
  const bootstrap = Object.values(isMap(spec.bootstrap) ? spec.bootstrap : {});
  const ownUser = bootstrap.some((way) => text(valueAt(way, ['secret', 'name'])) !== '');
  const superuser =
    spec.enableSuperuserAccess === true && text(valueAt(spec, ['superuserSecret', 'name'])) === '';
  return [
    ...(brings('serverCASecret') && brings('clientCASecret') ? [] : [secret('ca', ['ca.crt', 'ca.key'])]),
    ...(brings('serverTLSSecret') ? [] : [secret('server', ['tls.crt', 'tls.key'])]),
    ...(brings('replicationTLSSecret') ? [] : [secret('replication', ['tls.crt', 'tls.key'])]),
    ...(ownUser ? [] : [secret('app', [...credentials, ...connection])]),
    ...(superuser ? [secret('superuser', [...credentials, ...connection])] : []),
  ];
}

/** `BuildPrimaryPodDisruptionBudget` and `BuildReplicasPodDisruptionBudget`. */
function budgets(name: string, instances: number, spec: JsonMap): JsonMap[] {
  const budget = (named: string, role: string, minAvailable: number) =>
    manifest('policy/v1', 'PodDisruptionBudget', named, {
      spec: {
        minAvailable,
        selector: { matchLabels: { 'cnpg.io/cluster': name, 'cnpg.io/instanceRole': role } },
      },
    });
  return spec.enablePDB === false
    ? []
    : [
        budget(`${name}-primary`, 'primary', 1),
        ...(instances < 3 ? [] : [budget(name, 'replica', instances - 2)]),
      ];
}

function claims(instance: string, spec: JsonMap): JsonMap[] {
  const suffixes = [
    '',
    ...(spec.walStorage === undefined ? [] : ['-wal']),
    ...maps(spec.tablespaces).map((one) => `-tbs-${text(one.name)}`),
  ];
  return suffixes.map((suffix) => manifest('v1', 'PersistentVolumeClaim', `${instance}${suffix}`));
}

function named(path: FieldPath, kind: string, name: Json | undefined, keys: Named['keys'] = []): Named {
  return { path, kind, name: text(name), keys };
}

/** Fields of a Cluster that name a Secret by itself: a user's, whose keys the operator knows, or a certificate's. */
const users = /^(superuserSecret|passwordSecret|secret)$/;
const certificate = /^(serverCA|serverTLS|clientCA|replicationTLS)Secret$/;

function clusterReferences({ spec }: Node): Named[] {
  // The pods' own fields are looked at where the pods are.
  const { env: _, envFrom: __, projectedVolumeTemplate: ___, ...own } = spec;
  const catalog = isMap(spec.imageCatalogRef) ? spec.imageCatalogRef : {};
  const stores = [
    ...maps(spec.plugins).map((plugin, index) => ({ plugin, path: ['spec', 'plugins', index] })),
    ...maps(spec.externalClusters).map(({ plugin = null }, index) => ({
      plugin,
      path: ['spec', 'externalClusters', index, 'plugin'],
    })),
  ];
  return [
    ...selectors(own, ['spec']),
    ...stores
      .filter(({ plugin }) => isMap(plugin) && plugin.name === 'barman-cloud.cloudnative-pg.io')
      .map(({ plugin, path }) =>
        named(
          [...path, 'parameters', 'barmanObjectName'],
          objectStore,
          valueAt(plugin, ['parameters', 'barmanObjectName']),
        ),
      ),
    ...(catalog.kind === 'ImageCatalog'
      ? [named(['spec', 'imageCatalogRef', 'name'], `${group}/ImageCatalog`, catalog.name)]
      : []),
    named(
      ['spec', 'bootstrap', 'recovery', 'backup', 'name'],
      `${group}/Backup`,
      valueAt(spec, ['bootstrap', 'recovery', 'backup', 'name']),
    ),
  ];
}

/** Every Secret and ConfigMap that is named below a field: as name and key, or in a field that is a Secret's. */
function selectors(value: Json, path: FieldPath): Named[] {
  if (Array.isArray(value)) {
    return value.flatMap((item, index) => selectors(item, [...path, index]));
  }
  if (!isMap(value)) {
    return [];
  }
  if (typeof value.name === 'string' && typeof value.key === 'string') {
    const kind = path.some((step) => /configMap/i.test(String(step))) ? 'ConfigMap' : 'Secret';
    return [named([...path, 'name'], kind, value.name, [{ name: value.key, path: [...path, 'key'] }])];
  }
  return Object.entries(value).flatMap(([field, inner]) => {
    const at = [...path, field];
    if (users.test(field) && isMap(inner)) {
      const keys = credentials.map((name) => ({ name, path: [...at, 'name'] }));
      return [named([...at, 'name'], 'Secret', inner.name, keys)];
    }
    return certificate.test(field) ? [named(at, 'Secret', inner)] : selectors(inner, at);
  });
}
