import assert from 'node:assert/strict';
import { test } from 'node:test';
import { execa } from 'execa';
import { isMap, type Json, type JsonMap, maps, text, valueAt } from '../../check/model.ts';
import { renderedObject } from '../../check/render.ts';
import { copy } from '../../check/spoilt-copy.ts';
import { type Kubectl, KubectlError } from '../../gitops/kubectl.ts';
import type { Difference } from '../model.ts';
import { liveApplication } from './applications.ts';
import { liveCompared, liveDifference, partAgainst } from './live.ts';
import { normalForm, notUnderstood } from './normal-form.ts';

/** As an API server has it: what it writes itself, and Argo CD's marks. */
function live(value: JsonMap, more: JsonMap = {}): JsonMap {
  const metadata = isMap(value.metadata) ? value.metadata : {};
  return {
    ...value,
    ...more,
    metadata: {
      ...metadata,
      annotations: {
        'argocd.argoproj.io/tracking-id': 'dev:apps/Deployment:dev/a',
        ...(isMap(metadata.annotations) && metadata.annotations),
      },
      labels: { 'app.kubernetes.io/instance': 'dev' },
      uid: 'a-uid',
      resourceVersion: '812',
      generation: 3,
      creationTimestamp: '2026-11-25T10:00:00Z',
      managedFields: [{ manager: 'argocd-controller', operation: 'Apply' }],
    },
    status: { readyReplicas: 1 },
  };
}

function deployment(name: string, fields: JsonMap): JsonMap {
  return { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name, namespace: 'dev' }, spec: fields };
}

const application = {
  apiVersion: 'argoproj.io/v1alpha1',
  kind: 'Application',
  metadata: { name: 'dev', namespace: 'argocd' },
  spec: {
    source: { path: 'overlays/dev', kustomize: { images: ['quote-app=registry/quote-app@sha256:built'] } },
    destination: { server: 'https://kubernetes.default.svc', namespace: 'dev' },
    ignoreDifferences: [
      { group: 'apps', kind: 'Deployment', name: 'scaled', jsonPointers: ['/spec/replicas'] },
    ] as Json,
  },
  status: {
    sync: { revision: 'abc' },
    resources: [
      { group: 'apps', version: 'v1', kind: 'Deployment', namespace: 'dev', name: 'scaled' },
      { version: 'v1', kind: 'PersistentVolumeClaim', namespace: 'dev', name: 'lost' },
      { group: 'batch', version: 'v1', kind: 'Job', namespace: 'dev', name: 'migrate', hook: true },
    ],
  },
} satisfies JsonMap;

test('an Application is read for its images, what it ignores and what it deployed, hooks left out', () => {
  assert.deepEqual(liveApplication(application), {
    name: 'dev',
    namespace: 'dev',
    ignoreDifferences: application.spec.ignoreDifferences,
    images: ['quote-app=registry/quote-app@sha256:built'],
    revision: 'abc',
    resources: [
      { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'scaled', namespace: 'dev' } },
      { apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name: 'lost', namespace: 'dev' } },
    ],
  });
  const away = { ...application, spec: { destination: { server: 'https://elsewhere', namespace: 'dev' } } };
  assert.equal(liveApplication(away).elsewhere, 'https://elsewhere');
});

test('what the API server and Argo CD write is no difference, and what an Application ignores is none', () => {
  const wanted = deployment('a', {
    replicas: 2,
    template: { spec: { containers: [{ name: 'a', image: 'x' }] } },
  });
  assert.deepEqual(normalForm(live(wanted), 'dev', []), wanted);
  const ignored = (fields: JsonMap) =>
    normalForm(wanted, 'dev', [{ group: 'apps', kind: 'Deployment', ...fields }]);
  const image = ['spec', 'template', 'spec', 'containers', 0, 'image'];
  assert.equal(valueAt(ignored({ jsonPointers: ['/spec/replicas'] }), ['spec', 'replicas']), undefined);
  assert.equal(
    valueAt(ignored({ jsonPointers: ['/spec/template/spec/containers/0/image'] }), image),
    undefined,
  );
  assert.equal(
    valueAt(ignored({ jqPathExpressions: ['.spec.template.spec.containers[].image'] }), image),
    undefined,
  );
  for (const fields of [
    { name: 'b', jsonPointers: ['/spec/replicas'] },
    { namespace: 'prod', jsonPointers: ['/spec/replicas'] },
    { group: '', jsonPointers: ['/spec/replicas'] },
    { jsonPointers: ['/spec/nothing/at/all'] },
  ]) {
    assert.deepEqual(ignored(fields), wanted, JSON.stringify(fields));
  }
  const escaped = { ...wanted, metadata: { name: 'a', annotations: { 'a/b~c': 'd', e: 'f' } } };
  assert.deepEqual(
    normalForm(escaped, 'dev', [{ group: '*', kind: '*', jsonPointers: ['/metadata/annotations/a~1b~0c'] }])
      .metadata,
    { name: 'a', annotations: { e: 'f' } },
  );
  assert.deepEqual(
    notUnderstood([
      { jqPathExpressions: ['.spec.a', '.spec.list[] | select(.b)'], managedFieldsManagers: ['kube'] },
    ]),
    ['jqPathExpression .spec.list[] | select(.b)', 'managedFieldsManager kube'],
  );
});

/** What is found of one environment, and of its Application. */
function told({ parts }: Difference): string[] {
  return parts.flatMap(({ name, impact, objects }) => [
    `${name} ${impact}`,
    ...objects.flatMap(({ key, state, impact, fields, notes }) => [
      `  ${key} ${state} ${impact}`,
      ...fields.map(({ path, was, is }) => `    ${path}: ${JSON.stringify(was)} → ${JSON.stringify(is)}`),
      ...notes.map(({ rule, message }) => `    ${rule}: ${message}`),
    ]),
  ]);
}

test('each object is compared with what the server would make of it; what it refuses is in its words', () => {
  const target = { role: 'environment', environment: 'dev', dir: '/overlays/dev' } as const;
  const rendered = (value: JsonMap) => renderedObject(target, value, '/a.yaml');
  const scaled = deployment('scaled', { replicas: 2, paused: false });
  const secret: JsonMap = {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'keys', namespace: 'dev' },
    immutable: true,
    stringData: { password: 'correct-horse' },
  };
  const fresh: JsonMap = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'new', namespace: 'dev' } };
  const objects = [scaled, secret, fresh].map(rendered);
  const claim: JsonMap = {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: {
      name: 'lost',
      namespace: 'dev',
      annotations: { 'argocd.argoproj.io/sync-options': 'Prune=false,Delete=false' },
    },
    spec: {},
  };
  const part = { name: 'dev', role: 'environment', target, objects } as const;
  const compared = partAgainst(
    { ...part, objects },
    {
      application: liveApplication(application),
      present: objects.slice(0, 2),
      found: [
        live(deployment('scaled', { replicas: 5, paused: true })),
        live({ ...secret, stringData: { password: 'old' } }),
      ],
      answers: [
        { made: live(deployment('scaled', { replicas: 2, paused: false, progressDeadlineSeconds: 600 })) },
        { refused: 'Secret "keys" is invalid: data: Forbidden: correct-horse is not to replace it' },
      ],
      gone: [live(claim)],
    },
  );
  const found = liveCompared([compared], []);
  assert.deepEqual(told(found), [
    'dev data',
    '  Deployment/scaled in dev changed config',
    '    spec.paused: true → false',
    '    spec.progressDeadlineSeconds: undefined → 600',
    '  Secret/keys in dev changed immutable',
    '    refused: Secret "keys" is invalid: data: Forbidden: (not shown) is not to replace it',
    '  ConfigMap/new in dev added config',
    '    object-added: It is there for whatever reads it.',
    '  PersistentVolumeClaim/lost in dev removed data',
    '    data-removed: this is in Git no more: Argo CD leaves it where it is, and nothing looks after it any longer',
  ]);
  assert.deepEqual(
    found.unacknowledged.map(({ key }) => key),
    ['Secret/keys in dev', 'PersistentVolumeClaim/lost in dev'],
  );
  const [claimKey] = ['PersistentVolumeClaim/lost in dev'];
  assert.deepEqual(
    liveCompared([compared], [claimKey]).unacknowledged.map(({ key }) => key),
    ['Secret/keys in dev'],
  );
  assert.doesNotMatch(JSON.stringify(found), /correct-horse/);
});

/** Stands in for a cluster that runs dev as rendered, answers as kubectl does, and refuses Services. */
function cluster(state: Map<string, JsonMap>, asked: string[]): Kubectl {
  const key = (object: JsonMap) => [text(object.kind), text(valueAt(object, ['metadata', 'name']))].join('/');
  const answer = (objects: JsonMap[]) =>
    objects.length === 0
      ? ''
      : JSON.stringify(objects.length === 1 ? objects[0] : { kind: 'List', items: objects });
  const run = async (args: string[], input = '{}') => {
    asked.push(args.join(' '));
    const items = maps((JSON.parse(input) as JsonMap).items);
    if (args[0] === 'get') {
      return answer(items.map((item) => state.get(key(item))).filter((one) => one !== undefined));
    }
    if (items.some(({ kind }) => kind === 'Service')) {
      throw new KubectlError(
        'kubectl apply --server-side: The Service "x" is invalid: spec.clusterIP: Invalid value: "None": field is immutable',
      );
    }
    return answer(items.map((item) => live(item)));
  };
  return Object.assign(run, {
    json: async <T>(args: string[]) => {
      const found =
        args[2] === 'dev' ? application : args.length === 3 ? { items: [application, gone] } : undefined;
      return found as T | undefined;
    },
    field: async () => '',
    apply: async () => '',
  });
}

/** An Application that the cluster has and Git has not. */
const gone = {
  ...application,
  metadata: { name: 'press', namespace: 'argocd' },
  spec: { ...application.spec, source: { path: 'overlays/press' } },
  status: {
    sync: { revision: '' },
    resources: [{ group: 'apps', version: 'v1', kind: 'Deployment', namespace: 'press', name: 'printer' }],
  },
};

test('an environment that the cluster has and Git has no longer is removed, with what it deployed', async (t) => {
  const root = await copy(t);
  await execa('git', ['-C', root, 'init', '--quiet']);
  const printer = { ...deployment('printer', {}), metadata: { name: 'printer', namespace: 'press' } };
  const { parts, unacknowledged } = await liveDifference(
    root,
    cluster(new Map([['Deployment/printer', live(printer)]]), []),
  );
  const press = parts.find(({ name }) => name === 'press');
  assert.deepEqual(
    [press?.state, press?.impact, press?.objects.map(({ key, state }) => [key, state])],
    ['removed', 'data', [['Deployment/printer in press', 'removed']]],
  );
  assert.ok(unacknowledged.some(({ key }) => key === 'Environment/press'));
});

test('an environment is rendered with the images of its Application; one without an Application is new', async (t) => {
  const root = await copy(t);
  await execa('git', ['-C', root, 'init', '--quiet']);
  const asked: string[] = [];
  const old = deployment('quote-app', {
    template: { spec: { containers: [{ name: 'quote-app', image: 'old' }] } },
  });
  const service: JsonMap = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'edge', namespace: 'dev' },
  };
  const state = new Map([
    ['Deployment/quote-app', live(old)],
    ['Service/edge', live(service)],
  ]);
  const { parts } = await liveDifference(root, cluster(state, asked));
  const [dev, staging] = parts;
  assert.deepEqual([dev?.state, staging?.state], ['changed', 'added']);
  const fields = dev?.objects.find(({ key }) => key === 'Deployment/quote-app in dev')?.fields ?? [];
  const image = fields.find(({ path }) => path.endsWith('.image'));
  assert.equal(image?.is, 'registry/quote-app@sha256:built');
  const edge = dev?.objects.find(({ key }) => key === 'Service/edge in dev');
  assert.deepEqual(edge?.notes, [
    {
      impact: 'immutable',
      rule: 'refused',
      message: 'The Service "x" is invalid: spec.clusterIP: Invalid value: …: field is immutable',
    },
  ]);
  assert.equal(edge?.state, 'changed');
  const applied = asked.filter((args) => args.startsWith('apply'));
  assert.ok(applied.length > 0);
  for (const args of applied) {
    assert.match(args, /--server-side --dry-run=server --force-conflicts --field-manager=argocd-controller/);
  }
});

test('a cluster that does not answer is no cluster that has nothing', async (t) => {
  const root = await copy(t);
  const down = cluster(new Map(), []);
  const run = async () => {
    throw new KubectlError('kubectl get: Unable to connect to the server: dial tcp: i/o timeout');
  };
  await assert.rejects(
    liveDifference(root, Object.assign(run, { json: down.json, field: down.field, apply: down.apply })),
    KubectlError,
  );
});
