import assert from 'node:assert/strict';
import { test } from 'node:test';
import { judgeAdmission } from '../check/admission-findings.ts';
import { isMap, type Json, type RenderedObject, valueAt } from '../check/model.ts';
import { copy, spoil } from '../check/spoilt-copy.ts';
import { idOf } from '../diff/live/cluster.ts';
import { repoRoot } from '../paths.ts';
import { auditCluster } from './audit.ts';
import { asLive, type ClusterDouble, kubectlOf } from './cluster-double.ts';
import { type GitState, readGit } from './git.ts';
import type { Audit } from './model.ts';
import { changed, syncedCluster, withMore } from './synced-double.ts';

let known: Promise<GitState> | undefined;

/** What this repository says, rendered once. */
const git = () => {
  known ??= readGit(repoRoot, () => {});
  return known;
};

async function audited(cluster: ClusterDouble, ...environments: string[]): Promise<Audit> {
  return auditCluster(kubectlOf(cluster), repoRoot, { environments, settle: 0 });
}

/** Each finding in a line, as far as tests look at it. */
function told({ findings }: Audit): string[] {
  return findings.map(
    ({ kind, rule, environment, object, message }) =>
      `${kind} ${rule} ${environment} ${object.kind}/${object.name}: ${message}`,
  );
}

test('a cluster that is as this repository says has no finding', async () => {
  const audit = await audited(syncedCluster(await git()));
  assert.deepEqual(told(audit), []);
  const { environments, judged, policies, rules } = audit.coverage;
  assert.deepEqual(environments, ['dev', 'staging', 'prod']);
  assert.equal(policies, (await git()).policies.length);
  assert.ok(judged > 50 && rules > 10, JSON.stringify(audit.coverage));
});

const quoteApp = 'Deployment/quote-app in prod';
const container = ['spec', 'template', 'spec', 'containers', 0];

test('a live object that breaks rules has the findings that its manifest would have', async () => {
  const state = await git();
  const prod = state.renders.find(({ target }) => target.environment === 'prod');
  assert.ok(prod);
  const spoilt = structuredClone(
    prod.objects.find(({ id }) => id.name === 'quote-app' && id.kind === 'Deployment'),
  );
  const first = valueAt(spoilt?.value ?? {}, container);
  assert.ok(spoilt && isMap(first) && isMap(spoilt.value.spec));
  delete first.resources;
  delete first.livenessProbe;
  first.image = 'docker.io/somebody/quote-app:latest';
  spoilt.value.spec.replicas = 2;
  const manifests = prod.objects.map((object): RenderedObject => {
    const isSpoilt = object.id.name === spoilt.id.name && object.id.kind === spoilt.id.kind;
    return isSpoilt ? { ...spoilt, target: prod.target } : object;
  });
  const conforming = { violations: [], validated: 0 };
  const { broken } = judgeAdmission(manifests, conforming, state.policies, state.resources, () => true);
  const wanted = broken.map(({ rule, violation }) => `${rule}: ${violation.message}`).sort();
  assert.ok(wanted.length >= 4, wanted.join('\n'));

  const cluster = syncedCluster(state);
  const objects = cluster.objects.map((one) => {
    const { kind, namespace, name } = idOf(one);
    const isSpoilt = kind === 'Deployment' && namespace === 'prod' && name === 'quote-app';
    return isSpoilt ? asLive(spoilt.value) : one;
  });
  const { findings } = await audited({ objects }, 'prod');
  const policies = new Set(state.policies.map(({ rule }) => rule.id));
  const found = findings.filter(({ kind, rule }) => kind === 'policy' && policies.has(rule));
  assert.deepEqual(found.map(({ rule, message }) => `${rule}: ${message}`).sort(), wanted);
  for (const { object, environment } of found) {
    assert.deepEqual([object, environment], [spoilt.id, 'prod']);
  }
});

test('a live namespace is judged by the parameters that it has just now', async () => {
  const cluster = syncedCluster(await git());
  const key = ['data', 'minimum-replicas.quote-app'];
  const raised = changed(cluster, 'ConfigMap/policy-parameters in staging', key, '5');
  assert.deepEqual(told(await audited(raised, 'staging')), [
    'policy minimum-replicas staging Deployment/quote-app: quote-app has 2 of at least 5 replicas in staging',
    'drift drift staging ConfigMap/policy-parameters: data["minimum-replicas.quote-app"] is "5" in the cluster, "2" in Git',
  ]);
  const without = {
    objects: cluster.objects.filter((one) => {
      const { namespace, name } = idOf(one);
      return namespace !== 'staging' || name !== 'policy-parameters';
    }),
  };
  assert.deepEqual(
    told(await audited(without, 'staging')).map((line) => line.replace(/, so nothing .*/, '')),
    [
      'policy policy-parameters staging Namespace/staging: namespace staging has no ConfigMap policy-parameters',
      'drift drift staging ConfigMap/policy-parameters: Git has it, the cluster does not',
    ],
  );
});

test('what one object makes of itself is told once, of that one, and what only the made have is said of them', async () => {
  const cluster = syncedCluster(await git());
  const image = [...container, 'image'];
  const latest = 'docker.io/somebody/quote-app:latest';
  const onDeployment = changed(cluster, quoteApp, image, latest);
  const onAll = changed(
    changed(onDeployment, 'ReplicaSet/quote-app-7d in prod', image, latest),
    'Pod/quote-app-7d-x in prod',
    ['spec', 'containers', 0, 'image'],
    latest,
  );
  const ofTags = async (one: ClusterDouble) =>
    told(await audited(one, 'prod')).filter((line) => line.includes('image-tag'));
  const [own, ...more] = await ofTags(onAll);
  assert.match(own ?? '', /^policy image-tag prod Deployment\/quote-app: /);
  assert.deepEqual(more, []);
  assert.deepEqual(await ofTags(onDeployment), [own]);

  const onPod = changed(cluster, 'Pod/quote-app-7d-x in prod', ['spec', 'containers', 0, 'image'], latest);
  const pod = onPod.objects.find(
    (one) => idOf(one).name === 'quote-app-7d-x' && idOf(one).namespace === 'prod',
  );
  const second = {
    ...pod,
    metadata: { ...(isMap(pod?.metadata) && pod.metadata), name: 'quote-app-7d-y', uid: 'y' },
  };
  assert.deepEqual(
    (await ofTags(withMore(onPod, second))).map((line) => line.replace(/made: .*/, 'made')),
    ['policy image-tag prod Deployment/quote-app: Pod quote-app-7d-x and 1 more, which it made'],
  );
});

test('what needs several objects is judged by those that are there, whoever made them', async () => {
  const cluster = syncedCluster(await git());
  const open = asLive(
    {
      apiVersion: 'policy/v1',
      kind: 'PodDisruptionBudget',
      metadata: { name: 'second', namespace: 'prod' },
      spec: { minAvailable: 1, selector: { matchLabels: { 'app.kubernetes.io/name': 'quote-app' } } },
    },
    { managers: ['kubectl-create'] },
  );
  assert.deepEqual(told(await audited(withMore(cluster, open), 'prod')), [
    'policy two-budgets prod PodDisruptionBudget/second: Deployment quote-app has a budget already: quote-app-pdb',
    'unowned unowned-object prod PodDisruptionBudget/second: nobody owns it; made by kubectl-create on 2026-11-25T10:00:00Z',
  ]);
});

test("what an object refers to may be another environment's, but must be in the cluster", async () => {
  const cluster = syncedCluster(await git());
  const priority = ['spec', 'template', 'spec', 'priorityClassName'];
  const dangling = async (name: string) =>
    told(await audited(changed(cluster, quoteApp, priority, name), 'prod')).filter((line) =>
      line.includes('dangling-reference'),
    );
  assert.deepEqual(await dangling('dev'), []);
  assert.deepEqual(await dangling('nowhere'), [
    'policy dangling-reference prod Deployment/quote-app: there is no PriorityClass nowhere',
  ]);
});

test('what is made while the audit looks is told of its maker all the same', async () => {
  const latest = 'docker.io/somebody/quote-app:latest';
  const field = ['spec', 'containers', 0, 'image'];
  const cluster = changed(syncedCluster(await git()), 'Pod/quote-app-7d-x in prod', field, latest);
  const kubectl = kubectlOf(cluster);
  const { json, apply } = kubectl;
  const earlier = async (args: string[], input?: string) => {
    const said = await kubectl(args, input);
    const lines = said.split('\n').filter((line) => !line.includes('quote-app-7d-x'));
    return args.includes('--all-namespaces') ? lines.join('\n') : said;
  };
  const passing = Object.assign(earlier, { json, apply, field: kubectl.field });
  const audit = await auditCluster(passing, repoRoot, { environments: ['prod'], settle: 0 });
  const objects = audit.findings.map(({ object }) => `${object.kind}/${object.name}`);
  assert.deepEqual([...new Set(objects)], ['Deployment/quote-app']);
});

test('drift is told field by field; of a Secret that it is, and no value', async (t) => {
  const root = await copy(t);
  const secret =
    'apiVersion: v1\nkind: Secret\nmetadata:\n  name: credentials\nstringData:\n  password: hunter2hunter2\n';
  await spoil(root, 'overlays/dev/secret.yaml', '', secret);
  await spoil(root, 'overlays/dev/kustomization.yaml', 'resources:\n', 'resources:\n  - secret.yaml\n');
  const synced = syncedCluster(await readGit(root, () => {}));
  const scaled = changed(synced, 'Deployment/quote-app in dev', ['spec', 'replicas'], 3);
  const password = ['stringData', 'password'];
  const cluster = changed(scaled, 'Secret/credentials in dev', password, 'correct-horse');
  const audit = await auditCluster(kubectlOf(cluster), root, { environments: ['dev'], settle: 0 });
  assert.deepEqual(told(audit), [
    'drift drift dev Secret/credentials: stringData.password is (not shown) in the cluster, (changed, not shown) in Git',
    'drift drift dev Deployment/quote-app: spec.replicas is 3 in the cluster, 1 in Git',
  ]);
  assert.deepEqual(audit.findings[1]?.fields, [{ path: 'spec.replicas', cluster: 3, git: 1 }]);
  assert.doesNotMatch(JSON.stringify(audit), /hunter2|correct-horse/);
});

test('what Argo CD calls OutOfSync, cannot compare or has lost is told, and what is of an environment once', async () => {
  const state = await git();
  const synced = syncedCluster(state);
  const argocd = (name: string, field: string[], value: Json) => (cluster: ClusterDouble) =>
    changed(cluster, `Application/${name} in argocd`, field, value);
  const resources = [
    { kind: 'ValidatingAdmissionPolicy', name: 'probes', status: 'OutOfSync', health: { status: 'Missing' } },
    { kind: 'ValidatingAdmissionPolicy', name: 'spread', status: 'OutOfSync', requiresPruning: true },
    { kind: 'ValidatingAdmissionPolicy', name: 'shutdown', status: 'OutOfSync' },
    { kind: 'ValidatingAdmissionPolicy', name: 'seccomp', status: 'Synced' },
  ];
  const message = 'Failed to load target state: no such folder';
  const cluster = [
    argocd('policies', ['status', 'resources'], resources),
    argocd('dev', ['status', 'conditions'], [{ type: 'ComparisonError', message }]),
    argocd('staging', ['status', 'sync'], {}),
    (one: ClusterDouble) => ({
      objects: one.objects.filter(
        (object) => idOf(object).kind !== 'Application' || idOf(object).name !== 'prod',
      ),
    }),
  ].reduce((one, spoilt) => spoilt(one), synced);
  const found = told(await audited(cluster)).filter((line) => line.startsWith('drift'));
  const says = "says Argo CD's Application policies";
  assert.deepEqual(found.sort(), [
    `drift drift  ValidatingAdmissionPolicy/probes: Git has it, the cluster does not, ${says}`,
    `drift drift  ValidatingAdmissionPolicy/shutdown: it is not as Git has it, ${says}`,
    `drift drift  ValidatingAdmissionPolicy/spread: the cluster has it, and Git has it no longer, ${says}`,
    'drift drift prod Application/prod: Git has it, the cluster does not: prod is not deployed',
    `drift not-compared dev Application/dev: ComparisonError: ${message}`,
    'drift not-compared staging Application/staging: Argo CD has not compared it with Git',
  ]);
});

test('what was added to a policy is told, though Argo CD calls it Synced', async () => {
  const state = await git();
  const probes = state.policies.find(({ rule }) => rule.id === 'probes');
  const rendered = state.renders
    .flatMap(({ objects }) => objects)
    .find(({ id }) => id.kind === 'ValidatingAdmissionPolicy' && id.name === 'probes');
  assert.ok(probes && rendered && isMap(rendered.value.spec));
  const never = { 'k:{"name":"never"}': { '.': {}, 'f:expression': {}, 'f:name': {} } };
  const policy = asLive({
    ...rendered.value,
    spec: { ...rendered.value.spec, matchConditions: [{ name: 'never', expression: 'false' }] },
  });
  const managedFields = [
    {
      manager: 'kubectl-patch',
      operation: 'Update',
      fieldsV1: { 'f:spec': { 'f:matchConditions': never, 'f:validations': {} } },
    },
  ];
  const live = { ...policy, metadata: { ...(isMap(policy.metadata) && policy.metadata), managedFields } };
  assert.deepEqual(told(await audited(withMore(syncedCluster(state), live))), [
    'drift added  ValidatingAdmissionPolicy/probes: spec.matchConditions is not in Git; added by kubectl-patch',
  ]);
});

test('an environment that does not render is not compared, and the others are', async (t) => {
  const root = await copy(t);
  const cluster = syncedCluster(await readGit(root, () => {}));
  await spoil(root, 'overlays/dev/kustomization.yaml', '../../base/postgres-single', '../../base/postgras');
  const scaled = changed(cluster, 'Deployment/quote-app in staging', ['spec', 'replicas'], 3);
  const audit = await auditCluster(kubectlOf(scaled), root, { settle: 0 });
  assert.deepEqual(
    told(audit).map((line) => line.replace(/(does not render): .*/, '$1')),
    [
      'drift not-compared dev Application/dev: dev does not render',
      'drift drift staging Deployment/quote-app: spec.replicas is 3 in the cluster, 2 in Git',
    ],
  );
});

test('what nobody owns is told where it is still there a moment later, and what could not be listed', async () => {
  const synced = syncedCluster(await git());
  const left = asLive(
    { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'left', namespace: 'dev' } },
    { managers: ['kubectl-create'] },
  );
  const nobodys = 'nobody owns it; made by kubectl-create on 2026-11-25T10:00:00Z';
  assert.deepEqual(told(await audited(withMore(synced, left))), [
    `unowned unowned-object dev ConfigMap/left: ${nobodys}`,
  ]);
  assert.deepEqual(told(await audited(withMore(synced, left), 'prod')), []);

  const momentary = withMore(synced, left);
  const kubectl = kubectlOf(momentary);
  const listing = async (args: string[], input?: string) => {
    const said = await kubectl(args, input);
    if (args.includes('--all-namespaces')) {
      momentary.objects = synced.objects;
    }
    return said;
  };
  const { json, field, apply } = kubectl;
  const passing = Object.assign(listing, { json, field, apply });
  assert.deepEqual(told(await auditCluster(passing, repoRoot, { settle: 0 })), []);
  assert.equal(momentary.objects, synced.objects);

  const forbidden = { ...synced, forbidden: ['serviceaccounts'] };
  assert.deepEqual(
    told(await audited(forbidden, 'dev')).filter((line) => line.startsWith('unowned')),
    [
      'unowned not-compared  /: not everything could be listed: Error from server (Forbidden): serviceaccounts is forbidden',
    ],
  );
});
