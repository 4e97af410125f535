import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { check } from '../check.ts';
import { writeGenerated } from '../generated.ts';
import { renderedObject } from '../render.ts';
import { copy as copyOfManifests, spoil } from '../spoilt-copy.ts';
import { exemptionFindings } from './exemptions.ts';
import { unholdable } from './namespaces.ts';

const inDays = (days: number) => new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 10);

/** A copy of the repository's manifests in which prod has two replicas, with exemptions. */
async function copy(t: TestContext, exemptions: Record<string, string>[]): Promise<string> {
  const root = await copyOfManifests(t);
  const prod = path.join(root, 'overlays/prod/kustomization.yaml');
  await writeFile(prod, (await readFile(prod, 'utf8')).replace('count: 3', 'count: 2'));
  const budget = path.join(root, 'overlays/prod/pod-disruption-budget.yaml');
  await writeFile(budget, (await readFile(budget, 'utf8')).replace('minAvailable: 2', 'minAvailable: 1'));
  // What the repository's own exemption is of.
  await spoil(root, 'overlays/prod/postgres.yaml', 'local-path', 'network');
  await writeFile(path.join(root, 'policies/exemptions.yaml'), JSON.stringify({ exemptions }, null, 1));
  return root;
}

const found = async (root: string) => {
  const { report } = await check(root, [], () => {});
  return report.findings.map(({ rule, message }) => `${rule}: ${message}`);
};

const exemption = {
  rule: 'minimum-replicas',
  environment: 'prod',
  object: 'Deployment/quote-app',
  owner: 'somebody',
  reason: 'the third node is late',
  expires: inDays(30),
};

test('an exemption holds once its bindings are written, in its environment alone', async (t) => {
  const root = await copy(t, [exemption]);
  assert.deepEqual(await found(root), [
    'minimum-replicas: quote-app has 2 of at least 3 replicas in prod',
    ...Array(3).fill('exemption-stale: this is not what policies/exemptions.yaml and environments.yaml say'),
  ]);
  await writeGenerated(root, () => {});
  assert.deepEqual(await found(root), []);
  const staging = path.join(root, 'overlays/staging/kustomization.yaml');
  await writeFile(staging, (await readFile(staging, 'utf8')).replace('count: 2', 'count: 1'));
  assert.deepEqual(await found(root), [
    'minimum-replicas: quote-app has 1 of at least 2 replicas in staging',
  ]);
});

test('an exemption that is deleted leaves nothing behind', async (t) => {
  const root = await copy(t, [exemption]);
  await writeGenerated(root, () => {});
  await writeFile(path.join(root, 'policies/exemptions.yaml'), 'exemptions: []\n');
  await writeGenerated(root, () => {});
  assert.deepEqual(await found(root), ['minimum-replicas: quote-app has 2 of at least 3 replicas in prod']);
});

/** prod as an environment of regions: overlays/prod/eu and overlays/prod/us, of what overlays/prod was. */
async function withRegions(root: string, namespaces: { eu: string; us: string }): Promise<void> {
  const prod = path.join(root, 'overlays/prod');
  const kustomization = await readFile(path.join(prod, 'kustomization.yaml'), 'utf8');
  await mkdir(path.join(prod, 'shared'));
  await writeFile(
    path.join(prod, 'shared/kustomization.yaml'),
    kustomization.replaceAll('../../', '../../../').replace('namespace: prod\n', ''),
  );
  for (const file of await readdir(prod)) {
    if (!['kustomization.yaml', 'shared'].includes(file)) {
      await rename(path.join(prod, file), path.join(prod, 'shared', file));
    }
  }
  await rm(path.join(prod, 'kustomization.yaml'));
  for (const [region, namespace] of Object.entries(namespaces)) {
    await mkdir(path.join(prod, region));
    const own = `apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nnamespace: ${namespace}\nresources: [../shared]\n`;
    await writeFile(path.join(prod, region, 'kustomization.yaml'), own);
  }
}

const ofExemptions = async (root: string) =>
  (await found(root)).filter((finding) => /^(exemption|minimum-replicas)/.test(finding));

test('an exemption in a nested environment holds in the namespace that its render has', async (t) => {
  const root = await copy(t, [{ ...exemption, environment: 'prod/eu' }]);
  await withRegions(root, { eu: 'shop-eu', us: 'shop-us' });
  await writeGenerated(root, () => {});
  const elsewhere = await readFile(path.join(root, 'policies/exempted/elsewhere.yaml'), 'utf8');
  assert.match(elsewhere, /operator: NotIn\s+values:\s+- shop-eu\n/);
  assert.deepEqual(await ofExemptions(root), [
    'minimum-replicas: quote-app has 2 of at least 3 replicas in shop-us',
  ]);
});

test('an exemption that the cluster cannot tell from what is not exempted is refused', async (t) => {
  const root = await copy(t, [{ ...exemption, environment: 'prod/eu' }]);
  await withRegions(root, { eu: 'shop', us: 'shop' });
  await writeGenerated(root, () => {});
  assert.deepEqual(await ofExemptions(root), [
    'exemption: the cluster cannot exempt Deployment/quote-app in prod/eu: prod/us has it in namespace shop too; exempt both or neither',
  ]);
});

test('an exemption of what keeps the rule is found, and so is one of what is not there', async (t) => {
  const root = await copy(t, [
    exemption,
    { ...exemption, environment: 'staging' },
    { ...exemption, object: 'Deployment/quote-ap' },
  ]);
  await writeGenerated(root, () => {});
  assert.deepEqual(await found(root), [
    'exemption-unused: Deployment/quote-app keeps minimum-replicas in staging, or is not there',
    'exemption-unused: Deployment/quote-ap keeps minimum-replicas in prod, or is not there',
  ]);
});

test('an exemption that lacks an owner, or has a word too many, is found with its line', async (t) => {
  const { owner: _, ...ownerless } = exemption;
  const root = await copy(t, [ownerless, { ...exemption, because: 'x' }]);
  const { report } = await check(root, [], () => {});
  const own = report.findings.filter(({ rule }) => rule === 'exemption');
  assert.deepEqual(
    own.map(({ line, message }) => [line, message]),
    [
      [3, 'exemptions.0 lacks "owner"'],
      [17, 'unknown field "exemptions.1.because"'],
    ],
  );
});

test('an exemption is of a rule that there is, once, for a time that has an end', () => {
  const today = new Date('2026-11-24T12:00:00Z');
  const one = {
    rule: 'probes',
    environment: 'dev',
    kind: 'Deployment',
    name: 'x',
    expires: '2026-11-24',
    line: 1,
  };
  const said = (changed: object) =>
    exemptionFindings('/', [{ ...one, ...changed }], new Set(['probes']), today).map(({ rule }) => rule);
  assert.deepEqual(said({}), [], 'on its last day');
  assert.deepEqual(said({ expires: '2026-11-23' }), ['exemption-expired']);
  assert.deepEqual(said({ expires: '2027-05-23' }), [], 'in 180 days');
  assert.deepEqual(said({ expires: '2027-05-24' }), ['exemption']);
  assert.deepEqual(said({ expires: '2027-02-29' }), ['exemption'], 'no such day');
  assert.deepEqual(said({ rule: 'yaml-syntax' }), ['exemption']);
  assert.deepEqual(
    exemptionFindings('/', [one, one], new Set(['probes']), today).map(({ message }) => message),
    ['probes for Deployment/x in dev is exempted twice'],
  );
});

test('what is in no namespace cannot be exempted in one environment', () => {
  const target = { role: 'environment', environment: 'prod', dir: '/' } as const;
  const rendered = (apiVersion: string, kind: string) =>
    renderedObject(target, { apiVersion, kind, metadata: { name: 'x' } }, 'x.yaml');
  const objects = [
    rendered('rbac.authorization.k8s.io/v1', 'ClusterRole'),
    rendered('v1', 'ConfigMap'),
    rendered('v1', 'Namespace'),
  ];
  const served = { group: '', version: 'v1', name: '', otherVersions: [] };
  const resources = new Map([
    ['rbac.authorization.k8s.io/v1 ClusterRole', { ...served, namespaced: false }],
    ['v1 ConfigMap', { ...served, namespaced: true }],
    ['v1 Namespace', { ...served, namespaced: false }],
  ]);
  const exempted = objects.map(({ id }, line) => ({
    rule: 'r',
    environment: 'prod',
    kind: id.kind,
    name: 'x',
    expires: '',
    line,
  }));
  const say = (rules: string[]) =>
    unholdable('/', exempted, objects, new Set(rules), resources).map(({ message }) => message);
  assert.deepEqual(say(['r']), [
    'the cluster cannot exempt ClusterRole/x in prod: it is in no namespace',
    "the cluster cannot exempt ConfigMap/x in prod: its render says no namespace; set it in the environment's kustomization",
  ]);
  assert.deepEqual(say([]), [], 'a rule that holds on the pull request alone');
});
