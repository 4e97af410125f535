import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type FieldPath, isMap, type Json, type JsonMap } from '../model.ts';
import { renderedObject } from '../render.ts';
import { faultsOf, invalidObjects } from './invalid-objects.ts';

const target = { role: 'environment', environment: 'test', dir: '/' } as const;

const container = { name: 'main', image: 'registry.example/main:1' };
const template = { metadata: { labels: { app: 'x' } }, spec: { containers: [container] } };
const selector = { matchLabels: { app: 'x' } };

/** A valid object of each kind, which the cases below each change in one place. */
const valid = {
  deployment: { apiVersion: 'apps/v1', kind: 'Deployment', spec: { selector, template } },
  set: { apiVersion: 'apps/v1', kind: 'StatefulSet', spec: { serviceName: 'x', selector, template } },
  daemons: { apiVersion: 'apps/v1', kind: 'DaemonSet', spec: { selector, template } },
  job: {
    apiVersion: 'batch/v1',
    kind: 'Job',
    spec: { template: { spec: { restartPolicy: 'Never', containers: [container] } } },
  },
  cron: {
    apiVersion: 'batch/v1',
    kind: 'CronJob',
    spec: {
      schedule: '0 3 * * *',
      jobTemplate: { spec: { template: { spec: { restartPolicy: 'Never', containers: [container] } } } },
    },
  },
  service: { apiVersion: 'v1', kind: 'Service', spec: { ports: [{ port: 80 }] } },
  settings: { apiVersion: 'v1', kind: 'ConfigMap', data: { greeting: 'hello' } },
  secret: { apiVersion: 'v1', kind: 'Secret', data: { password: 'eA==' } },
  claim: {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
  },
  scaler: {
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    spec: {
      minReplicas: 2,
      maxReplicas: 3,
      scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'x' },
    },
  },
  budget: { apiVersion: 'policy/v1', kind: 'PodDisruptionBudget', spec: { selector, minAvailable: 1 } },
  network: {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    spec: { podSelector: {}, ingress: [{ from: [{ podSelector: {} }], ports: [{ port: 80 }] }] },
  },
  ingress: {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'Ingress',
    spec: { defaultBackend: { service: { name: 'x', port: { number: 80 } } } },
  },
  role: {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'Role',
    rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['get'] }],
  },
  namespace: { apiVersion: 'v1', kind: 'Namespace' },
} satisfies Record<string, JsonMap>;

const pod = 'spec.template.spec';
const main = `${pod}.containers.0`;
const probe = (fields: JsonMap) => ({ httpGet: { path: '/', port: 80 }, ...fields });

/** Of a valid object, a field, what it is changed to, and what kube-apiserver calls what is wrong then. */
const cases: [kind: keyof typeof valid, field: string, to: Json, refused: string[]][] = [
  [
    'deployment',
    `${main}.resources`,
    { requests: { cpu: '2' }, limits: { cpu: 1 } },
    [`${pod}.containers[0].resources.requests`],
  ],
  [
    'deployment',
    `${main}.resources`,
    { limits: { memory: '-1' } },
    [`${pod}.containers[0].resources.limits[memory]`],
  ],
  ['deployment', `${main}.resources`, { limits: { gpu: 1 } }, [`${pod}.containers[0].resources.limits[gpu]`]],
  ['deployment', `${pod}.restartPolicy`, 'Never', [`${pod}.restartPolicy`]],
  [
    'deployment',
    `${main}.livenessProbe`,
    probe({ failureThreshold: -1 }),
    [`${pod}.containers[0].livenessProbe.failureThreshold`],
  ],
  ['deployment', `${main}.livenessProbe`, probe({ failureThreshold: 0 }), []],
  [
    'deployment',
    `${main}.livenessProbe`,
    probe({ successThreshold: 2 }),
    [`${pod}.containers[0].livenessProbe.successThreshold`],
  ],
  ['deployment', `${main}.readinessProbe`, probe({ successThreshold: 2 }), []],
  ['deployment', `${main}.startupProbe`, {}, [`${pod}.containers[0].startupProbe`]],
  [
    'deployment',
    `${main}.startupProbe`,
    probe({ exec: { command: ['x'] } }),
    [`${pod}.containers[0].startupProbe.httpGet`],
  ],
  ['deployment', 'metadata.name', 'Not_a_name', ['metadata.name']],
  ['deployment', 'metadata.labels', { 'a b': 'x' }, ['metadata.labels']],
  ['deployment', 'metadata.labels', { a: 'x y' }, ['metadata.labels']],
  ['deployment', 'metadata.annotations', { 'a/b/c': '' }, ['metadata.annotations']],
  [
    'deployment',
    `${main}.ports`,
    [{ name: 'a-name-far-too-long', containerPort: 1 }],
    [`${pod}.containers[0].ports[0].name`],
  ],
  [
    'deployment',
    `${main}.ports`,
    [1, 2].map((containerPort) => ({ name: 'http', containerPort })),
    [`${pod}.containers[0].ports[1].name`],
  ],
  [
    'deployment',
    `${main}.ports`,
    [{ containerPort: 65_536 }],
    [`${pod}.containers[0].ports[0].containerPort`],
  ],
  ['deployment', `${main}.image`, '', [`${pod}.containers[0].image`]],
  ['deployment', `${pod}.containers`, [container, container], [`${pod}.containers[1].name`]],
  ['deployment', `${pod}.volumes`, [{ name: 'a' }, { name: 'a' }], [`${pod}.volumes[1].name`]],
  [
    'deployment',
    `${pod}.volumes`,
    [{ name: 'a', emptyDir: {}, hostPath: { path: '/' } }],
    [`${pod}.volumes[0].hostPath`],
  ],
  ['deployment', `${main}.env`, [{ name: 'A=B' }], [`${pod}.containers[0].env[0].name`]],
  [
    'deployment',
    `${main}.env`,
    [{ name: 'A', value: 'x', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }],
    [`${pod}.containers[0].env[0].valueFrom`],
  ],
  [
    'deployment',
    `${main}.env`,
    [{ name: 'A', valueFrom: { fieldRef: { fieldPath: 'spec.replicas' } } }],
    [`${pod}.containers[0].env[0].valueFrom.fieldRef.fieldPath`],
  ],
  [
    'deployment',
    `${main}.lifecycle`,
    { preStop: { sleep: { seconds: 31 } } },
    [`${pod}.containers[0].lifecycle.preStop.sleep`],
  ],
  [
    'deployment',
    'spec.strategy',
    { rollingUpdate: { maxSurge: 0, maxUnavailable: '0%' } },
    ['spec.strategy.rollingUpdate.maxUnavailable'],
  ],
  [
    'deployment',
    'spec.strategy',
    { rollingUpdate: { maxSurge: 'a lot' } },
    ['spec.strategy.rollingUpdate.maxSurge'],
  ],
  ['deployment', 'spec.strategy', { type: 'Recreate', rollingUpdate: {} }, ['spec.strategy.rollingUpdate']],
  ['deployment', 'spec.replicas', -1, ['spec.replicas']],
  [
    'deployment',
    `${pod}.tolerations`,
    [{ key: 'a', operator: 'Exists', value: 'x' }],
    [`${pod}.tolerations[0].operator`],
  ],
  [
    'set',
    'spec.volumeClaimTemplates',
    [{ metadata: { name: 'd' }, spec: { accessModes: [] } }],
    ['spec.volumeClaimTemplates[0].spec.accessModes', 'spec.volumeClaimTemplates[0].spec.resources[storage]'],
  ],
  [
    'daemons',
    'spec.updateStrategy',
    { rollingUpdate: { maxSurge: 1, maxUnavailable: 1 } },
    ['spec.updateStrategy.rollingUpdate.maxSurge'],
  ],
  ['job', `${pod}.restartPolicy`, 'Always', [`${pod}.restartPolicy`]],
  ['cron', 'spec.schedule', '0 25 * * *', ['spec.schedule']],
  ['cron', 'spec.schedule', '*/5 1-3 1,15 jan-mar mon', []],
  ['cron', 'spec.schedule', '@hourly', []],
  ['cron', 'spec.timeZone', 'Europe Berlin', ['spec.timeZone']],
  ['service', 'spec.ports', [{ port: 80 }, { port: 81, name: 'b' }], ['spec.ports[0].name']],
  [
    'service',
    'spec.ports',
    [
      { port: 80, name: 'a' },
      { port: 80, name: 'b' },
    ],
    ['spec.ports[1]'],
  ],
  ['service', 'spec.ports', [{ port: 80, nodePort: 30_000 }], ['spec.ports[0].nodePort']],
  ['service', 'spec.clusterIP', 'none', ['spec.clusterIPs[0]']],
  ['settings', 'data', { 'a b': 'x' }, ['data[a b]']],
  ['secret', 'type', 'kubernetes.io/tls', ['data[tls.crt]', 'data[tls.key]']],
  ['claim', 'spec.resources.requests.storage', '0', ['spec.resources[storage]']],
  ['scaler', 'spec.maxReplicas', 1, ['spec.maxReplicas']],
  ['budget', 'spec.maxUnavailable', 1, ['spec']],
  ['budget', 'spec.minAvailable', '101%', ['spec.minAvailable']],
  ['network', 'spec.ingress.0.ports.0', { port: 80, endPort: 79 }, ['spec.ingress[0].ports[0].endPort']],
  [
    'network',
    'spec.ingress.0.from.0',
    { ipBlock: { cidr: '10.0.0.0/33' } },
    ['spec.ingress[0].from[0].ipBlock.cidr'],
  ],
  [
    'network',
    'spec.ingress.0.from.0',
    { ipBlock: { cidr: '10.0.0.0/8', except: ['11.0.0.0/16'] } },
    ['spec.ingress[0].from[0].ipBlock.except[0]'],
  ],
  [
    'network',
    'spec.ingress.0.from.0',
    { ipBlock: { cidr: '2001:db8::/32', except: ['2001:db8:1::/48'] } },
    [],
  ],
  ['ingress', 'spec.rules', [{ host: '*' }], ['spec.rules[0].host']],
  [
    'ingress',
    'spec.rules',
    [{ http: { paths: [{ pathType: 'Prefix', path: 'a', backend: valid.ingress.spec.defaultBackend }] } }],
    ['spec.rules[0].http.paths[0].path'],
  ],
  ['role', 'rules.0.verbs', [], ['rules[0].verbs']],
  ['namespace', 'metadata.name', 'a.b', ['metadata.name']],
  [
    'namespace',
    'metadata.labels',
    { 'pod-security.kubernetes.io/enforce': 'strict' },
    ['metadata.labels[pod-security.kubernetes.io/enforce]'],
  ],
];

function named(object: JsonMap): JsonMap {
  return { ...object, metadata: { name: 'x' } };
}

for (const [kind, object] of Object.entries(valid)) {
  test(`a valid ${object.kind} (${kind}) has no fault`, () => {
    assert.deepEqual(faultsOf(renderedObject(target, named(object), 'x.yaml')), []);
  });
}

for (const [kind, field, to, refused] of cases) {
  const shown = JSON.stringify(to).slice(0, 70);
  test(`${kind} with ${field} ${shown}: ${refused.join(', ') || 'valid'}`, () => {
    const path = field.split('.').map((step) => (/^\d+$/.test(step) ? Number(step) : step));
    const value = changed(named(valid[kind]), path, to);
    const faults = faultsOf(renderedObject(target, isMap(value) ? value : {}, 'x.yaml'));
    assert.deepEqual(
      faults.map((fault) => fault.field),
      refused,
    );
  });
}

test('what rules of their own tell of is not told again', () => {
  const value = changed(named(valid.deployment), ['spec', 'template', 'metadata'], { labels: { app: 'y' } });
  const lost = changed(
    value,
    [...main.split('.').map((step) => (step === '0' ? 0 : step)), 'volumeMounts'],
    [{ name: 'gone', mountPath: '/x' }],
  );
  const object = renderedObject(target, isMap(lost) ? lost : {}, 'x.yaml');
  assert.deepEqual(
    faultsOf(object)
      .map(({ by }) => by)
      .sort(),
    ['volume-mount', 'workload-selector'],
  );
  assert.deepEqual(invalidObjects([object]), []);
});

test('no value that keeps the schema ends in an error', () => {
  for (const object of Object.values(valid)) {
    for (const path of fieldsOf(named(object), [])) {
      for (const other of [null, '', 'x', 0, -1, [], {}, [''], ['x']]) {
        const value = changed(named(object), path, other);
        faultsOf(renderedObject(target, isMap(value) ? value : {}, 'x.yaml'));
      }
    }
  }
});

function fieldsOf(value: Json, path: FieldPath): FieldPath[] {
  const below = Array.isArray(value)
    ? value.flatMap((item, index) => fieldsOf(item, [...path, index]))
    : isMap(value)
      ? Object.entries(value).flatMap(([key, field]) => fieldsOf(field, [...path, key]))
      : [];
  return path.length === 0 ? below : [path, ...below];
}

function changed(value: Json | undefined, [step, ...rest]: FieldPath, to: Json): Json {
  if (step === undefined) {
    return to;
  }
  if (Array.isArray(value)) {
    return value.map((item, index) => (index === step ? changed(item, rest, to) : item));
  }
  return {
    ...(isMap(value) ? value : {}),
    [step]: changed(isMap(value) ? value[step] : undefined, rest, to),
  };
}
