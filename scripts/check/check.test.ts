import assert from 'node:assert/strict';
import { mkdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { execa } from 'execa';
import { CannotRun } from '../cli.ts';
import { repoRoot } from '../paths.ts';
import { check } from './check.ts';
import { copy, findingsOf, lineOf, spoil } from './spoilt-copy.ts';

const deployment = 'base/quote-app/deployment.yaml';
const prod = 'overlays/prod/kustomization.yaml';

/** What is spoilt, the rule that must fire and no other, where, in which environments, and the words it must say. */
const mutations: {
  what: string;
  file: string;
  from: string | RegExp;
  to: string;
  rule: string;
  /** What follows from it by another rule, in the same environments. */
  besides?: string;
  at?: { file?: string; text?: string };
  environments: string[];
  says: RegExp;
}[] = [
  {
    what: 'too few replicas in an overlay',
    file: prod,
    from: 'count: 3',
    to: 'count: 2',
    rule: 'minimum-replicas',
    besides: 'drain-blocked',
    at: { text: 'count: 2' },
    environments: ['prod'],
    says: /2 of at least 3/,
  },
  ...(['livenessProbe', 'readinessProbe', 'startupProbe'] as const).map((probe) => ({
    what: `no ${probe}`,
    file: deployment,
    from: new RegExp(` +${probe}:\\n(?: {12,}.*\\n)+`),
    to: '',
    rule: 'probes',
    at: { text: '- name: quote-app' },
    environments: ['dev', 'prod', 'staging'],
    says: new RegExp(`no ${probe}: quote-app`),
  })),
  {
    what: 'a misspelt field',
    file: deployment,
    from: 'maxUnavailable: 0',
    to: 'maxUnavailble: 0',
    rule: 'unknown-field',
    at: { text: 'maxUnavailble' },
    environments: ['dev', 'prod', 'staging'],
    says: /maxUnavailble/,
  },
  {
    what: 'a value of the wrong type',
    file: deployment,
    from: 'maxSurge: 1',
    to: 'maxSurge: [1]',
    rule: 'schema',
    at: { text: 'maxSurge' },
    environments: ['dev', 'prod', 'staging'],
    says: /maxSurge/,
  },
  {
    what: 'a kind that the cluster does not serve',
    file: 'base/postgres/network-policy.yaml',
    from: 'networking.k8s.io/v1',
    to: 'networking.k8s.io/v1beta1',
    rule: 'unknown-kind',
    at: { text: 'kind:' },
    environments: ['dev', 'prod', 'staging'],
    says: /networking.k8s.io\/v1beta1/,
  },
  {
    what: "a misspelt field of Argo CD's AppProject",
    file: 'apps/prod.yaml',
    from: 'clusterResourceWhitelist:',
    to: 'clusterResourceWhitelst:',
    rule: 'unknown-field',
    at: { text: 'clusterResourceWhitelst' },
    environments: [''],
    says: /clusterResourceWhitelst/,
  },
  {
    what: 'a key twice',
    file: deployment,
    from: 'revisionHistoryLimit: 3',
    to: 'revisionHistoryLimit: 3\n  revisionHistoryLimit: 4',
    rule: 'duplicate-key',
    environments: [''],
    says: /^the key revisionHistoryLimit is there twice$/,
  },
  {
    what: 'replicas twice for one name',
    file: prod,
    from: '  - name: edge\n    count: 2\n',
    to: '  - name: edge\n    count: 2\n  - count: 4\n    name: quote-app\n',
    rule: 'duplicate-key',
    at: { text: '- count: 4' },
    environments: [''],
    says: /^replicas has two entries for quote-app/,
  },
  {
    what: 'an image twice under one name',
    file: prod,
    from: 'transformers:',
    to: '  - newTag: main\n    name: quote-app\ntransformers:',
    rule: 'duplicate-key',
    besides: 'image-digest',
    at: { text: '- newTag: main' },
    environments: [''],
    says: /^images has two entries for quote-app/,
  },
  {
    what: 'a misspelt field of a kustomization',
    file: 'overlays/dev/kustomization.yaml',
    from: 'images:',
    to: 'imags:',
    rule: 'unknown-field',
    at: { text: 'imags:' },
    environments: [''],
    says: /imags/,
  },
  {
    what: 'labels that rewrite whom NetworkPolicies let in',
    file: prod,
    from: 'patches:',
    to: 'labels:\n  - pairs: {a: b}\n    includeSelectors: true\npatches:',
    rule: 'kustomization',
    at: { text: 'includeSelectors' },
    environments: [''],
    says: /NetworkPolicies/,
  },
  {
    what: 'a manifest that nobody lists',
    file: 'base/quote-app/forgotten.yaml',
    from: '',
    to: 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: forgotten}\n',
    rule: 'unlisted-file',
    at: { file: 'base/quote-app/forgotten.yaml', text: 'apiVersion' },
    environments: [''],
    says: /no kustomization lists/,
  },
  {
    what: 'a resource from the internet',
    file: prod,
    from: 'resources:\n',
    to: 'resources:\n  - https://127.0.0.1:1/x.yaml\n',
    rule: 'remote-resource',
    at: { text: '- https://' },
    environments: [''],
    says: /https:/,
  },
  {
    what: 'a patch that matches nothing',
    file: prod,
    from: 'patches:\n',
    to: 'patches:\n  - target: {kind: Deployment, name: quote-ap}\n    patch: |-\n      - op: remove\n        path: /spec/strategy\n',
    rule: 'dead-entry',
    at: { text: '- target: {kind: Deployment' },
    environments: [''],
    says: /matches no object/,
  },
  {
    what: 'an image that no container has',
    file: prod,
    from: '- name: quote-app\n    digest',
    to: '- name: quote-other\n    newTag: x\n  - name: quote-app\n    digest',
    rule: 'dead-entry',
    at: { text: '- name: quote-other' },
    environments: [''],
    says: /no container has the image quote-other/,
  },
  {
    what: 'a tag where prod pins a digest',
    file: prod,
    from: /digest: .*/,
    to: 'newTag: main',
    rule: 'image-digest',
    at: { text: 'newTag: main' },
    environments: ['prod'],
    says: /not pinned by digest/,
  },
  {
    what: 'a namespace that no policy holds in any more',
    file: 'base/namespace/namespace.yaml',
    from: '    app.kubernetes.io/part-of: quotes\n',
    to: '',
    rule: 'unbound-environment',
    at: { text: 'labels:' },
    environments: ['dev', 'prod', 'staging'],
    says: /none of 29 bindings selects/,
  },
  {
    what: 'a binding that the API server does not take',
    file: 'policies/probes/binding.yaml',
    from: 'validationActions: [Deny]',
    to: 'validationActions: [Deny, Warn]',
    rule: 'policy',
    at: { text: 'validationActions' },
    environments: [''],
    says: /not both Deny and Warn/,
  },
  {
    what: 'a policy with a function that Kubernetes has and the check does not',
    file: 'policies/bare-pod/policy.yaml',
    from: 'size(object.metadata.?ownerReferences.orValue([])) > 0',
    to: "url(object.metadata.name).getHost() == ''",
    rule: 'policy',
    at: { text: '- expression: >-' },
    environments: [''],
    says: /bare-pod: .*url/,
  },
  {
    what: 'a parameter that one environment does not say',
    file: 'overlays/staging/policy-parameters.yaml',
    from: '  minimum-replicas.quote-app: "2"\n',
    to: '',
    rule: 'policy-parameters',
    at: { text: 'data:' },
    environments: ['staging'],
    says: /staging says nothing of minimum-replicas.quote-app/,
  },
  {
    what: 'a parameter that is no number',
    file: 'overlays/prod/policy-parameters.yaml',
    from: 'quote-app: "3"',
    to: 'quote-app: three',
    rule: 'minimum-replicas',
    at: { text: 'minimum-replicas.quote-app: three' },
    environments: ['prod'],
    says: /^minimum-replicas.quote-app: .*no int: three/,
  },
  {
    what: 'replicas that no layer sets',
    file: 'overlays/staging/kustomization.yaml',
    from: '  - name: quote-app\n    count: 2\n',
    to: '',
    rule: 'minimum-replicas',
    at: { file: deployment, text: 'spec:' },
    environments: ['staging'],
    says: /1 of at least 2/,
  },
];

test('this repository has no findings, and every object of it is validated', async () => {
  const { report } = await check(repoRoot, [], () => {});
  assert.deepEqual(report.findings, []);
  assert.deepEqual(report.coverage.environments, ['dev', 'prod', 'staging']);
  assert.equal(report.coverage.skipped, 0);
  assert.equal(report.coverage.validated, report.coverage.objects);
  assert.ok(report.coverage.objects > 60);
});

for (const { what, file, from, to, rule, besides, at = {}, environments, says } of mutations) {
  test(`${what} is found by ${rule} alone, where it is`, async (t) => {
    const root = await copy(t);
    await spoil(root, file, from, to);
    const found = await findingsOf(root);
    // What does not render says so besides.
    const own = found.filter((finding) => finding.rule !== 'render-failed' && finding.rule !== besides);
    assert.deepEqual(
      own.map((finding) => finding.rule),
      environments.map(() => rule),
      JSON.stringify(found, null, 1),
    );
    assert.deepEqual(
      own.map((finding) => finding.environment),
      environments,
    );
    for (const finding of own) {
      assert.match(finding.message, says);
      assert.equal(finding.file, at.file ?? file);
      if (at.text !== undefined) {
        assert.equal(finding.line, await lineOf(root, finding.file, at.text));
      }
    }
  });
}

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
  const { report } = await check(root, [], () => {}, ['minimum-replicas']);
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
  await spoil(root, deployment, / +startupProbe:\n(?: {12,}.*\n)+/, '');
  await spoil(root, prod, 'count: 3', 'count: 1');
  const ofFolder = await findingsOf(root, path.join(root, 'overlays/prod'));
  assert.deepEqual(
    ofFolder.map(({ rule }) => rule),
    ['probes', 'minimum-replicas', 'drain-blocked'],
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
  await rm(path.join(root, 'overlays/prod/pod-disruption-budget.yaml'));
  const without = 'resources: [../../base/namespace, ../../base/postgres, policy-parameters.yaml]';
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
  const autoscaler = `apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  name: quote-app
spec:
  minReplicas: 2
  maxReplicas: 9
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: quote-app}
`;
  await spoil(root, 'overlays/prod/autoscaler.yaml', '', autoscaler);
  await spoil(root, prod, 'resources:\n', 'resources:\n  - autoscaler.yaml\n');
  const found = await findingsOf(root);
  assert.deepEqual(
    found.map(({ rule, file, line }) => [rule, file, line]),
    [
      ['app-project', 'apps/every-environment/project.yaml', 12],
      ['minimum-replicas', 'overlays/prod/autoscaler.yaml', 6],
      ['autoscaled-replicas', 'overlays/prod/kustomization.yaml', 13],
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
  await spoil(root, prod, 'replicas:', 'components:\n  - ../../components/labelled\nreplicas:');
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
    policies: 29,
    passedOver: ['image-digest', 'minimum-replicas'],
  });
  const nowhere = await run('nowhere');
  assert.equal(nowhere.exitCode, 2);
  assert.doesNotMatch(nowhere.stderr, /\n {4}at /);
  assert.equal((await run('--help')).exitCode, 0);
  assert.equal((await run('--jsn')).exitCode, 2);
});
