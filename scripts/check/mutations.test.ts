import assert from 'node:assert/strict';
import { test } from 'node:test';
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
