import assert from 'node:assert/strict';
import { mkdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { execa } from 'execa';
import { CannotRun } from '../cli.ts';
import { repoRoot } from '../paths.ts';
import { check } from './check.ts';
import { writeGenerated } from './generated.ts';
import { copy, findingsOf, lineOf, spoil } from './spoilt-copy.ts';

const deployment = 'base/quote-app/deployment.yaml';
const prod = 'overlays/prod/kustomization.yaml';

test('this repository has no findings, and every object of it is validated', async () => {
  const { report } = await check(repoRoot, [], () => {});
  assert.deepEqual(report.findings, []);
  assert.deepEqual(report.coverage.environments, ['dev', 'prod', 'staging']);
  assert.equal(report.coverage.skipped, 0);
  assert.equal(report.coverage.validated, report.coverage.objects);
  assert.ok(report.coverage.objects > 60);
});

test('policies that no Application deploys are found: the cluster would hold to none', async (t) => {
  const root = await copy(t);
  await spoil(root, 'apps/kustomization.yaml', '  - policies.yaml\n', '');
  await rm(path.join(root, 'apps/policies.yaml'));
  assert.deepEqual(
    (await findingsOf(root)).map(({ rule, file, message }) => [rule, file, message]),
    [
      [
        'application-source',
        'policies/kustomization.yaml',
        'no Application deploys the policies, so the cluster holds to none of them',
      ],
    ],
  );
});

test('a binding that selects no namespace of any environment is found', async (t) => {
  const root = await copy(t);
  await spoil(
    root,
    'policies/probes/binding.yaml',
    '  policyName: probes',
    '  policyName: probes\n  matchResources: {namespaceSelector: {matchLabels: {tier: gold}}}',
  );
  const found = (await findingsOf(root)).filter(({ rule }) => rule === 'idle-policy');
  assert.deepEqual(
    found.map(({ message }) => message),
    [
      'binding probes: it selects none of the namespaces argocd, cnpg-system, dev, monitoring, prod, staging, status-page',
    ],
  );
});

test('YAML that does not parse is one finding with its line, in a file given as argument too', async (t) => {
  const root = await copy(t);
  await spoil(root, deployment, 'metadata:\n', 'metadata: [\n');
  assert.deepEqual(
    new Set((await findingsOf(root)).map(({ rule }) => rule)),
    new Set(['yaml-syntax', 'render-failed']),
  );
  const [only, ...more] = await findingsOf(root, path.join(root, deployment));
  assert.equal(only?.rule, 'yaml-syntax');
  assert.equal(only?.file, deployment);
  assert.ok((only?.line ?? 0) > 1);
  assert.deepEqual(
    more.map(({ rule }) => rule).filter((rule) => rule !== 'yaml-syntax'),
    [],
  );
});

test('what Kustomize would read as a manifest and nobody lists is found, whatever its name', async (t) => {
  const root = await copy(t);
  const manifest = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'forgotten' } };
  const text = `# not listed\n${JSON.stringify(manifest)}\n`;
  await mkdir(path.join(root, 'base/quote-app/.hidden'));
  const names = ['more.json', 'more.yml', 'MORE.YAML', '.more.yaml', '.hidden/more.yaml', 'more.jsn.JSON'];
  for (const name of names) {
    const isJson = name.toLowerCase().endsWith('json');
    await spoil(root, `base/quote-app/${name}`, '', isJson ? JSON.stringify(manifest) : text);
  }
  await spoil(root, 'apps/.application.json', '', JSON.stringify([manifest]));
  await spoil(root, 'base/quote-app/settings.json', '', '{"colour": "red"}');
  await spoil(root, 'base/quote-app/notes.json', '', 'no JSON: [');
  await spoil(root, 'base/quote-app/README.md', '', '# apiVersion: v1\n');
  assert.deepEqual(
    (await findingsOf(root)).map(({ rule, file }) => `${rule} ${file}`),
    ['apps/.application.json', ...names.map((name) => `base/quote-app/${name}`).sort()].map(
      (file) => `unlisted-file ${file}`,
    ),
  );
});

test('a component that no environment has lists its files all the same', async (t) => {
  const root = await copy(t);
  await mkdir(path.join(root, 'components/optional'), { recursive: true });
  const patch = 'apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: quote-app}\nspec: {paused: true}\n';
  await spoil(root, 'components/optional/paused.yaml', '', patch);
  await spoil(root, 'components/optional/forgotten.yaml', '', patch);
  await spoil(
    root,
    'components/optional/kustomization.yaml',
    '',
    'apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\npatches: [{path: paused.yaml}]\n',
  );
  assert.deepEqual(
    (await findingsOf(root)).map(({ rule, file }) => [rule, file]),
    [['unlisted-file', 'components/optional/forgotten.yaml']],
  );
});

test('an environment without the parameters that policies read is one finding, at its kustomization', async (t) => {
  const root = await copy(t);
  await spoil(root, prod, '  - policy-parameters.yaml\n', '');
  await rm(path.join(root, 'overlays/prod/policy-parameters.yaml'));
  const found = await findingsOf(root);
  assert.deepEqual(
    found.map(({ rule, environment, file, line }) => [rule, environment, file, line]),
    [['policy-parameters', 'prod', prod, 1]],
  );
  assert.match(
    found[0]?.message ?? '',
    /namespace prod has no ConfigMap policy-parameters, so nothing there passes image-digest and/,
  );
  const { report } = await check(root, [], () => {}, { rule: ['minimum-replicas'] });
  assert.deepEqual(
    report.findings.map(({ rule, file }) => [rule, file]),
    [['minimum-replicas', prod]],
    'a rule that cannot be judged is not kept',
  );
});

test('a render of nothing is a finding', async (t) => {
  const root = await copy(t);
  await spoil(root, prod, '', 'resources: []\n');
  const found = await findingsOf(root, path.join(root, 'overlays/prod'));
  assert.ok(
    found.some(({ rule }) => rule === 'empty-render'),
    JSON.stringify(found),
  );
});

test('a folder is checked as its environment, a file by what holds without one', async (t) => {
  const root = await copy(t);
  await spoil(root, deployment, / +readinessProbe:\n(?: {12,}.*\n)+/, '');
  await spoil(root, prod, 'count: 3', 'count: 1');
  const ofFolder = await findingsOf(root, path.join(root, 'overlays/prod'));
  assert.deepEqual(
    ofFolder.map(({ rule }) => rule),
    ['probes', 'minimum-replicas'],
  );
  const ofFile = await findingsOf(root, path.join(root, deployment));
  assert.deepEqual(
    ofFile.map(({ rule, environment }) => [rule, environment]),
    // The base's kustomization gives the labels, and the overlays' the tag.
    [
      ['owner-labels', ''],
      ['owner-labels', ''],
      ['probes', ''],
      ['image-tag', ''],
    ],
  );
});

test('a workload that an environment says a minimum of, and does not have, is found', async (t) => {
  const root = await copy(t);
  const ofWorkloads = [
    'pod-disruption-budget',
    'horizontal-pod-autoscaler',
    'release',
    'cpu',
    'off-a-lost-node',
  ];
  for (const file of ofWorkloads) {
    await rm(path.join(root, `overlays/prod/${file}.yaml`));
  }
  const without =
    'resources: [../../base/namespace, ../../base/postgres-ha, policy-parameters.yaml, priority-class.yaml]\n' +
    'patches: [{path: postgres.yaml}]';
  await spoil(
    root,
    prod,
    '',
    `apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nnamespace: prod\n${without}\n`,
  );
  const found = await findingsOf(root);
  assert.deepEqual(
    found.map(({ rule, environment }) => [rule, environment]),
    [
      ['unexpected-client', 'prod'],
      ['policy-parameters', 'prod'],
    ],
  );
  assert.match(found[1]?.message ?? '', /no workload quote-app/);
});

test('an autoscaler that may go below the minimum is found, in place of the number it owns', async (t) => {
  const root = await copy(t);
  const autoscaler = 'overlays/prod/horizontal-pod-autoscaler.yaml';
  await spoil(root, autoscaler, 'minReplicas: 3', 'minReplicas: 2');
  await spoil(root, 'apps/prod.yaml', '      name: quote-app\n', '      name: another\n');
  const found = await findingsOf(root);
  assert.deepEqual(
    found.map(({ rule, file, line }) => [rule, file, line]),
    [
      ['minimum-replicas', autoscaler, await lineOf(root, autoscaler, 'minReplicas: 2')],
      ['autoscaled-replicas', prod, await lineOf(root, prod, 'count: 3')],
      ['drain-blocked', 'overlays/prod/pod-disruption-budget.yaml', 7],
    ],
  );
});

test('what is given twice is judged once', async (t) => {
  const root = await copy(t);
  await spoil(root, prod, 'count: 3', 'count: 1');
  const overlay = path.join(root, 'overlays/prod');
  const { report } = await check(root, [overlay, `${overlay}/`, `${overlay}/kustomization.yaml`], () => {});
  const once = await check(root, [overlay], () => {});
  assert.deepEqual(report, once.report);
});

test('labels in selectors are refused only where a NetworkPolicy is that they would rewrite', async (t) => {
  const root = await copy(t);
  const labels = 'labels:\n  - pairs: {a: b}\n    includeSelectors: true\n';
  const head = 'apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n';
  const found = async () =>
    (await findingsOf(root)).filter(({ rule }) => rule === 'kustomization').map(({ file }) => file);
  await mkdir(path.join(root, 'base/harmless'));
  await spoil(root, 'base/harmless/kustomization.yaml', '', `${head}${labels}resources: [account.yaml]\n`);
  await spoil(
    root,
    'base/harmless/account.yaml',
    '',
    'apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: harmless}\n',
  );
  await spoil(root, prod, 'resources:\n', 'resources:\n  - ../../base/harmless\n');
  assert.deepEqual(await found(), []);
  await mkdir(path.join(root, 'components/labelled'), { recursive: true });
  const component = 'components/labelled/kustomization.yaml';
  const asComponent = head.replace('v1beta1', 'v1alpha1').replace('Kustomization', 'Component');
  await spoil(root, component, '', `${asComponent}${labels}`);
  assert.deepEqual(await found(), []);
  await spoil(root, prod, 'components:\n', 'components:\n  - ../../components/labelled\n');
  assert.deepEqual(await found(), [component]);
});

test('what cannot be checked is refused with a next step, never passed', async (t) => {
  const root = await copy(t);
  const refused = (given: string, message: RegExp) =>
    assert.rejects(
      check(root, [path.join(root, given)], () => {}),
      (error: unknown) => {
        assert.ok(error instanceof CannotRun, String(error));
        assert.match(error.message, message);
        return true;
      },
    );
  await refused('nowhere', /nowhere does not exist/);
  await refused('base', /no kustomization.yaml/);
  await spoil(root, 'notes.txt', '', 'x');
  await refused('notes.txt', /no YAML file/);
  await rm(path.join(root, 'overlays'), { recursive: true });
  await assert.rejects(
    check(root, [], () => {}),
    CannotRun,
  );
});

test('the command ends with 0, 1 and 2, prints JSON when asked, and no colour into a pipe', async (t) => {
  const root = await copy(t);
  await spoil(root, deployment, 'maxSurge: 1', 'maxSurge: 1\n      maxSurg: 1');
  const run = (...args: string[]) =>
    execa(process.execPath, [path.join(repoRoot, 'scripts/check.ts'), ...args], {
      reject: false,
      stdin: 'ignore',
    });
  assert.equal((await run(path.join(repoRoot, 'overlays/dev'))).exitCode, 0);
  const text = await run(path.join(root, deployment));
  assert.equal(text.exitCode, 1);
  assert.ok(!text.stdout.includes('\x1b'));
  assert.match(text.stdout, /unknown-field {2}.*maxSurg/);
  const json = JSON.parse((await run('--json', path.join(root, deployment))).stdout) as {
    findings: Record<string, unknown>[];
    coverage: Record<string, unknown>;
  };
  const keys = ['rule', 'severity', 'environment', 'object', 'file', 'line', 'column', 'message'];
  assert.deepEqual(Object.keys(json.findings[0] ?? {}), keys);
  assert.deepEqual(json.findings[0]?.object, { kind: 'Deployment', namespace: '', name: 'quote-app' });
  assert.deepEqual(json.coverage, {
    environments: [],
    objects: 1,
    validated: 1,
    skipped: 0,
    policies: 30,
    passedOver: ['image-digest', 'minimum-replicas'],
  });
  const nowhere = await run('nowhere');
  assert.equal(nowhere.exitCode, 2);
  assert.doesNotMatch(nowhere.stderr, /\n {4}at /);
  assert.equal((await run('--help')).exitCode, 0);
  assert.equal((await run('--jsn')).exitCode, 2);
});

test('a tree whose prod uses a database that somebody else runs is fine', async (t) => {
  const root = await copy(t);
  await spoil(root, prod, '../../base/postgres-ha', '../../base/postgres-managed');
  await spoil(root, prod, '  - path: postgres.yaml\n', '');
  await rm(path.join(root, 'overlays/prod/postgres.yaml'));
  await rm(path.join(root, 'base/postgres-ha'), { recursive: true });
  await spoil(root, 'base/postgres-managed/kustomization.yaml', /metadata:\n(?: {2,}.*\n)+/, '');
  await spoil(root, 'overlays/prod/policy-parameters.yaml', '  minimum-replicas.postgres: "3"\n', '');
  await spoil(root, 'policies/exemptions.yaml', /^exemptions:[\s\S]*/m, 'exemptions: []\n');
  await writeGenerated(root, () => {});
  assert.deepEqual(await findingsOf(root), []);
  await spoil(root, 'base/postgres-managed/network-policy.yaml', '- port: 5432', '- port: 5433');
  assert.deepEqual(
    (await findingsOf(root)).map(({ rule, environment, file }) => [rule, environment, file]),
    // Of postgres-rw and postgres-ro.
    ['', ''].map(() => ['needed-flow', 'prod', 'base/postgres-managed/network-policy.yaml']),
  );
});
