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
    says: /unique/,
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
    what: 'a parameter whose key is misspelt',
    file: 'overlays/prod/policy-parameters.yaml',
    from: '\ndata:',
    to: '\ndata:\n  image-digest.tag-below: docker.io/',
    rule: 'policy-parameters',
    at: { text: 'image-digest.tag-below' },
    environments: ['prod'],
    says: /no policy reads image-digest.tag-below/,
  },
  {
    what: 'a tag of another registry in prod',
    file: 'base/edge/deployment.yaml',
    from: 'docker.io/library/haproxy',
    to: 'docker.io/someone/haproxy',
    rule: 'image-digest',
    environments: ['dev', 'prod', 'staging'],
    says: /not pinned by digest: haproxy/,
  },
  {
    what: 'a resource that no API serves',
    file: 'policies/probes/policy.yaml',
    from: 'statefulsets',
    to: 'statefulset',
    rule: 'idle-policy',
    at: { text: 'resources:' },
    environments: [''],
    says: /serves no statefulset in apps v1/,
  },
  {
    what: 'a group that no API serves',
    file: 'policies/disruption-budget/policy.yaml',
    from: 'apiGroups: [policy]',
    to: 'apiGroups: [policies]',
    rule: 'idle-policy',
    at: { text: '- apiGroups:' },
    environments: [''],
    says: /apiGroups policies/,
  },
  {
    what: 'a version that no API serves',
    file: 'policies/disruption-budget/policy.yaml',
    from: 'apiVersions: [v1]',
    to: 'apiVersions: [v1beta1]',
    rule: 'idle-policy',
    at: { text: 'apiVersions:' },
    environments: [''],
    says: /apiVersions v1beta1/,
  },
  {
    what: 'a match condition that is never true',
    file: 'policies/probes/policy.yaml',
    from: '  validations:',
    to: '  matchConditions:\n    - name: never\n      expression: 1 > 2 && object.spec.replicas > 1\n  validations:',
    rule: 'idle-policy',
    at: { text: 'expression: 1 > 2' },
    environments: [''],
    says: /false whatever the object/,
  },
  {
    what: 'a validation that is always true',
    file: 'policies/probes/policy.yaml',
    from: '  validations:',
    to: '  validations:\n    - expression: "true"',
    rule: 'idle-policy',
    at: { text: '- expression: "true"' },
    environments: [''],
    says: /holds whatever the object/,
  },
  {
    what: 'an exclusion of everything',
    file: 'policies/disruption-budget/policy.yaml',
    from: '    resourceRules:',
    to: '    excludeResourceRules:\n      - {apiGroups: [policy], apiVersions: ["*"], resources: ["*"], operations: ["*"]}\n    resourceRules:',
    rule: 'idle-policy',
    at: { text: 'excludeResourceRules:' },
    environments: [''],
    says: /excludes every kind/,
  },
  {
    what: 'a binding that leaves over no kind',
    file: 'policies/probes/binding.yaml',
    from: '  policyName: probes',
    to: '  policyName: probes\n  matchResources:\n    resourceRules:\n      - {apiGroups: [""], apiVersions: [v1], resources: [pods], operations: ["*"]}',
    rule: 'idle-policy',
    at: { text: 'resourceRules:' },
    environments: [''],
    says: /leaves over no kind that policy probes matches/,
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
    ['binding probes: it selects none of the namespaces argocd, dev, prod, staging'],
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
  for (const file of ['pod-disruption-budget', 'horizontal-pod-autoscaler', 'priority-class']) {
    await rm(path.join(root, `overlays/prod/${file}.yaml`));
  }
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
