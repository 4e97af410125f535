import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JsonMap } from '../check/model.ts';
import { renderedObject } from '../check/render.ts';
import { additions } from './additions.ts';
import { kubectlOf } from './cluster-double.ts';

const argocd = 'argocd-controller';

type Owner = { manager: string; fields: JsonMap; operation?: string; subresource?: string };

/** An object as the API server has it, with who owns what of it. */
function owned(value: JsonMap, namespace: string, name: string, owners: Owner[]): JsonMap {
  const { labels, annotations, ...rest } = value;
  return {
    ...rest,
    metadata: {
      name,
      ...(namespace !== '' && { namespace }),
      ...(labels !== undefined && { labels }),
      ...(annotations !== undefined && { annotations }),
      managedFields: owners.map(({ fields, operation = 'Update', ...owner }) => ({
        ...owner,
        operation,
        fieldsV1: fields,
      })),
    },
  };
}

const git = (fields: JsonMap): Owner => ({ manager: argocd, operation: 'Apply', fields });
const by = (manager: string, fields: JsonMap): Owner => ({ manager, fields });

/** What is told of live objects that an Application lists, with what Git renders. */
async function told(objects: JsonMap[], ignoreDifferences: JsonMap[] = [], rendered: JsonMap[] = []) {
  const application = {
    metadata: { name: 'dev' },
    spec: { destination: { name: 'in-cluster', namespace: 'dev' }, ignoreDifferences },
    status: {
      resources: objects.map(({ apiVersion, kind, metadata }) => {
        const [version = '', group = ''] = String(apiVersion).split('/').reverse();
        const { name, namespace } = metadata as { name: string; namespace?: string };
        return { group, version, kind, name, ...(namespace !== undefined && { namespace }) } as JsonMap;
      }),
    },
  };
  const target = { role: 'environment', environment: 'dev', dir: '/overlays/dev' } as const;
  const renders = [{ target, objects: rendered.map((value) => renderedObject(target, value, '')) }];
  const found = await additions(kubectlOf({ objects }), { renders }, application, 'dev');
  assert.doesNotMatch(JSON.stringify(found), /hunter2/);
  return found.map(({ object, message }) => `${object.kind}: ${message}`);
}

const containers = (app: JsonMap, more: JsonMap = {}) => ({
  'f:spec': {
    'f:template': {
      'f:spec': { 'f:containers': { 'k:{"name":"app"}': app, ...more } },
    },
  },
});
const deployment = (spec: JsonMap) => ({ apiVersion: 'apps/v1', kind: 'Deployment', spec });
const app = { name: 'app', image: 'app:1' };
const inGit = git(containers({ '.': {}, 'f:name': {}, 'f:image': {} }));

test('an environment variable and a container that somebody added are told, each by who did it', async () => {
  const evil = { name: 'evil', image: 'evil:1' };
  const spec = {
    template: {
      spec: { containers: [{ ...app, env: [{ name: 'EVIL', value: 'hunter2' }] }, evil] },
    },
  };
  const variable = by(
    'kubectl-set',
    containers({
      'f:env': { '.': {}, 'k:{"name":"EVIL"}': { '.': {}, 'f:name': {}, 'f:value': {} } },
    }),
  );
  const container = by(
    'kubectl-edit',
    containers({}, { 'k:{"name":"evil"}': { '.': {}, 'f:name': {}, 'f:image': {} } }),
  );
  assert.deepEqual(await told([owned(deployment(spec), 'dev', 'app', [inGit, variable, container])]), [
    'Deployment: spec.template.spec.containers[app].env is not in Git; added by kubectl-set',
    'Deployment: spec.template.spec.containers[evil] is not in Git; added by kubectl-edit',
  ]);
});

test('a label and a port of a Service, and what switches a policy off, are told', async () => {
  const service = {
    apiVersion: 'v1',
    kind: 'Service',
    labels: { app: 'app', evil: 'yes' },
    spec: {
      ports: [
        { port: 4444, protocol: 'TCP' },
        { port: 80, protocol: 'TCP' },
      ],
    },
  };
  const port = (number: number) => ({ [`k:{"port":${number},"protocol":"TCP"}`]: { '.': {}, 'f:port': {} } });
  const policy = {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingAdmissionPolicy',
    spec: { validations: [], matchConditions: [{ name: 'never', expression: 'false' }] },
  };
  const never = { '.': {}, 'k:{"name":"never"}': { '.': {}, 'f:name': {}, 'f:expression': {} } };
  assert.deepEqual(
    await told([
      owned(service, 'dev', 'app', [
        git({ 'f:metadata': { 'f:labels': { 'f:app': {} } }, 'f:spec': { 'f:ports': port(80) } }),
        by('kubectl-label', { 'f:metadata': { 'f:labels': { 'f:evil': {} } } }),
        by('kubectl-patch', { 'f:spec': { 'f:ports': port(4444) } }),
      ]),
      owned(policy, '', 'probes', [
        git({ 'f:spec': { 'f:validations': {} } }),
        by('kubectl-patch', { 'f:spec': { 'f:matchConditions': never } }),
      ]),
    ]),
    [
      'Service: metadata.labels.evil is not in Git; added by kubectl-label',
      'Service: spec.ports[4444] is not in Git; added by kubectl-patch',
      'ValidatingAdmissionPolicy: spec.matchConditions is not in Git; added by kubectl-patch',
    ],
  );
});

test('several fields of one manager are one finding, and a Secret has its keys told', async () => {
  const secret = { apiVersion: 'v1', kind: 'Secret', data: { kept: 'a', one: 'hunter2', two: 'hunter2' } };
  const fields = { 'f:data': { 'f:one': {}, 'f:two': {} } };
  assert.deepEqual(
    await told([
      owned(secret, 'dev', 'credentials', [git({ 'f:data': { 'f:kept': {} } }), by('kubectl-patch', fields)]),
    ]),
    ['Secret: data.one is not in Git; added by kubectl-patch, and 1 more field'],
  );
});

test('a manager that only passes for a controller is told all but what that one writes', async () => {
  const annotations = { 'deployment.kubernetes.io/revision': '1', 'example.org/evil': 'yes' };
  const revision = { 'f:metadata': { 'f:annotations': { 'f:deployment.kubernetes.io/revision': {} } } };
  const evil = { 'f:metadata': { 'f:annotations': { 'f:example.org/evil': {} } } };
  const controller = 'kube-controller-manager';
  const live = { ...deployment({ replicas: 3, template: { spec: { containers: [app] } } }), annotations };
  const replicas = { 'f:spec': { 'f:replicas': {} } };
  assert.deepEqual(
    await told([
      owned(live, 'dev', 'app', [
        inGit,
        { ...by(controller, { ...revision, 'f:status': { 'f:replicas': {} } }), subresource: 'status' },
        { ...by(controller, replicas), subresource: 'scale' },
      ]),
    ]),
    [],
  );
  assert.deepEqual(await told([owned(live, 'dev', 'app', [inGit, by(controller, evil)])]), [
    'Deployment: metadata.annotations["example.org/evil"] is not in Git; added by kube-controller-manager',
  ]);
  const scaled = owned(live, 'dev', 'app', [inGit, { ...by('kubectl', replicas), subresource: 'scale' }]);
  assert.deepEqual(await told([scaled]), ['Deployment: spec.replicas is not in Git; added by kubectl']);
  const ignored = { group: 'apps', kind: 'Deployment', jsonPointers: ['/spec/replicas'] };
  assert.deepEqual(await told([scaled], [ignored]), [], 'what the Application ignores');
});

test('a patch under the name of Argo CD is an addition, and managedFields that are gone are told', async () => {
  const live = { ...deployment({ paused: true, template: { spec: { containers: [app] } } }) };
  const patched = owned(live, 'dev', 'app', [inGit, by(argocd, { 'f:spec': { 'f:paused': {} } })]);
  const wiped = owned(live, 'dev', 'other', []);
  assert.deepEqual(await told([patched, wiped]), [
    'Deployment: spec.paused is not in Git; added by argocd-controller',
    'Deployment: its managedFields are gone, so what was added to it cannot be told',
  ]);
});

test('a field that Git has is no addition, whoever wrote its value last', async () => {
  const spec = { replicas: 3, template: { spec: { containers: [{ ...app, image: 'app:2' }] } } };
  const taken = by('kubectl-patch', {
    'f:spec': { 'f:replicas': {}, ...containers({ 'f:image': {} })['f:spec'] },
  });
  const live = owned(deployment(spec), 'dev', 'app', [git(containers({ '.': {}, 'f:name': {} })), taken]);
  const manifest = {
    ...deployment({ replicas: 1, template: { spec: { containers: [app] } } }),
    metadata: { name: 'app' },
  };
  assert.deepEqual(await told([live], [], [manifest]), []);
});

test('what the API server writes into each namespace is nobody’s addition', async () => {
  const made = owned(
    { apiVersion: 'v1', kind: 'Namespace', spec: { finalizers: ['kubernetes'] } },
    '',
    'dev',
    [
      git({ 'f:metadata': { 'f:labels': { 'f:part': {} } } }),
      by('before-first-apply', { 'f:spec': { 'f:finalizers': {} } }),
    ],
  );
  assert.deepEqual(await told([made]), []);
});
