import assert from 'node:assert/strict';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { execa } from 'execa';
import { stringify } from 'yaml';
import { isFine } from '../scripts/gitops/status.ts';
import { installPackages } from '../scripts/prerequisites.ts';
import type { Rehearsal } from '../scripts/rehearsal.ts';
import { until } from '../scripts/until.ts';

const account = (name: string) => `system:serviceaccount:argocd:argocd-${name}`;
const controller = account('application-controller');

type Right = { verb: string; resource: string; group?: string; namespace?: string; name?: string };
type Pod = {
  metadata: { namespace: string };
  spec: {
    serviceAccountName: string;
    volumes?: { projected?: { sources: { serviceAccountToken?: object }[] } }[];
  };
};
type Namespaces = { items: { metadata: { name: string; labels?: Record<string, string> } }[] };

/** Who has a token of the cluster's: each asks the API server. */
const tokenHolders = [
  'argocd/argocd-application-controller',
  'argocd/argocd-notifications-controller',
  'argocd/argocd-server',
  'cnpg-system/cnpg-manager',
  'cnpg-system/plugin-barman-cloud',
  'kube-system/coredns',
  'kube-system/metrics-server',
  'local-path-storage/local-path-provisioner-service-account',
  'prod/postgres',
];

/** The namespaces where a pod may be more than the restricted standard lets it, each with why. */
const unrestricted: Record<string, string> = {
  'local-path-storage': 'its helper pods mount the folders of the node',
  monitoring: "it is the user's Prometheus's",
};

/** What keeps environments apart: Argo CD's rights, its projects, and what they deploy from. */
export function argocdRights(
  promise: (what: string, holds: (t: TestContext) => Promise<void>) => void,
  rehearsal: () => Rehearsal,
): void {
  promise('Argo CD has the rights that its Applications need, and none of these', async () => {
    const secrets = { verb: 'list', resource: 'secrets' };
    const refused: [string, Right][] = [
      [controller, { ...secrets, namespace: 'prod' }],
      [controller, { verb: 'get', resource: 'secrets', namespace: 'kube-system' }],
      [controller, { verb: 'create', resource: 'pods', namespace: 'dev' }],
      [controller, { verb: 'create', resource: 'pods', namespace: 'argocd' }],
      [controller, { verb: 'patch', group: 'apps', resource: 'deployments', namespace: 'argocd' }],
      [controller, { verb: 'patch', group: 'apps', resource: 'deployments', namespace: 'kube-system' }],
      [controller, { verb: 'patch', resource: 'configmaps', namespace: 'argocd' }],
      [controller, { verb: 'patch', resource: 'namespaces', name: 'kube-system' }],
      [controller, { verb: 'delete', resource: 'namespaces', name: 'prod' }],
      [controller, { verb: 'patch', group: rbac, resource: 'clusterroles', name: 'cluster-admin' }],
      [controller, { verb: 'escalate', group: rbac, resource: 'clusterroles', name: 'argocd-reads' }],
      [controller, { verb: 'create', group: rbac, resource: 'clusterrolebindings', name: 'mine' }],
      [controller, { verb: 'create', group: rbac, resource: 'rolebindings', namespace: 'dev' }],
      [controller, { verb: 'impersonate', resource: 'users' }],
      [account('server'), { verb: 'get', resource: 'pods', namespace: 'dev' }],
      [account('server'), { verb: 'delete', group: 'apps', resource: 'deployments', namespace: 'prod' }],
      [account('server'), { verb: 'create', group: argo, resource: 'applications', namespace: 'argocd' }],
      [account('server'), { verb: 'patch', group: argo, resource: 'appprojects', namespace: 'argocd' }],
      [account('notifications-controller'), { ...secrets, namespace: 'prod' }],
      [account('repo-server'), { verb: 'get', resource: 'secrets', namespace: 'argocd' }],
      [account('redis'), { verb: 'get', resource: 'secrets', namespace: 'argocd' }],
    ];
    assert.deepEqual(
      (await allowedOf(rehearsal(), refused)).filter(([, isAllowed]) => isAllowed),
      [],
    );
    const has: [string, Right][] = [
      [controller, { verb: 'patch', group: 'apps', resource: 'deployments', namespace: 'prod' }],
      [controller, { verb: 'escalate', group: rbac, resource: 'clusterroles', name: 'cnpg-manager' }],
    ];
    assert.deepEqual(
      (await allowedOf(rehearsal(), has)).filter(([, isAllowed]) => !isAllowed),
      [],
    );
  });

  promise(
    'a pod has a token where it asks the API server, and is restricted, but where it says why',
    async () => {
      const { kubectl } = rehearsal();
      const pods = await kubectl.json<{ items: Pod[] }>(['get', 'pods', '--all-namespaces']);
      const holders = (pods?.items ?? [])
        .filter(({ spec }) =>
          spec.volumes?.some(({ projected }) =>
            projected?.sources.some(({ serviceAccountToken }) => serviceAccountToken !== undefined),
          ),
        )
        .map(({ metadata, spec }) => `${metadata.namespace}/${spec.serviceAccountName}`);
      assert.deepEqual([...new Set(holders)].sort(), tokenHolders);
      const namespaces = await kubectl.json<Namespaces>(['get', 'namespaces']);
      const lax = (namespaces?.items ?? [])
        .filter(({ metadata }) => metadata.labels?.['pod-security.kubernetes.io/enforce'] !== 'restricted')
        .map(({ metadata }) => metadata.name)
        // Where the check and the API server are compared: nothing runs there.
        .filter((name) => !name.startsWith('differential-'));
      assert.deepEqual(lax.sort(), Object.keys(unrestricted));
      await assert.rejects(
        kubectl([
          'run',
          'root',
          '--image=busybox',
          '--privileged',
          '--namespace=kube-system',
          '--dry-run=server',
        ]),
        /violates PodSecurity "restricted:/,
      );
    },
  );

  promise('an environment deploys into its own namespace alone, and no policy away', async () => {
    const { clone, edit, push, revert, status, kubectl, field } = rehearsal();
    const folder = path.join(clone, 'overlays/dev');
    await writeFile(
      path.join(folder, 'escape.yaml'),
      outside.map((object) => stringify(object)).join('---\n'),
    );
    await writeFile(path.join(folder, 'out.yaml'), elsewhere.map((patch) => stringify(patch)).join('---\n'));
    await edit('overlays/dev/kustomization.yaml', 'resources:\n', 'resources:\n  - escape.yaml\n');
    await edit('overlays/dev/kustomization.yaml', 'transformers:\n', 'transformers:\n  - out.yaml\n');
    const spec = ['validatingadmissionpolicy/resources', '{.metadata.uid} {.metadata.generation}'] as const;
    const before = await field('', ...spec);
    await push('dev: out of its namespace');
    try {
      let problems = '';
      await until('dev refused', async () => {
        problems = (await status('dev')).problems.join('\n');
        return problems.includes('is not permitted in project');
      });
      for (const said of [
        'admissionregistration.k8s.io:ValidatingAdmissionPolicy is not permitted in project dev',
        'admissionregistration.k8s.io:ValidatingAdmissionPolicyBinding is not permitted in project dev',
        'rbac.authorization.k8s.io:ClusterRoleBinding is not permitted in project dev',
        'argoproj.io:AppProject is not permitted in project dev',
        "namespace prod is not permitted in project 'dev'",
        "namespace argocd is not permitted in project 'dev'",
      ]) {
        assert.ok(problems.includes(said), `${said}\n${problems}`);
      }
      assert.equal(await field('', ...spec), before);
      assert.equal(await field('prod', 'configmap/escape', '{.metadata.name}'), '');
      assert.equal(await field('argocd', 'configmap/argocd-cm', '{.data.escape}'), '');
      assert.equal(await field('', 'clusterrolebinding/escape', '{.metadata.name}'), '');
    } finally {
      await revert();
    }
    await until('dev well', async () => isFine(await status('dev')));
    // What its project lets it have it cannot use to leave the policies.
    for (const [label, refusal] of [
      [
        'app.kubernetes.io/part-of: null',
        /guarded-namespaces.*keep the label app.kubernetes.io\/part-of: quotes/,
      ],
      ['pod-security.kubernetes.io/enforce: privileged', /guarded-namespaces.*enforce: restricted/],
    ] as const) {
      const patch = ['patch', 'namespace', 'dev', `--patch=metadata: {labels: {${label}}}`];
      await assert.rejects(kubectl([...patch, `--as=${controller}`, '--dry-run=server']), refusal);
    }
  });

  promise('what is not signed is not deployed, where that is asked, and status says why', async (t) => {
    const { clone, edit, push, status, field, kubectl } = rehearsal();
    await installPackages({ gpg: 'signs a commit', 'gpg-agent': 'signs a commit' }, () => {});
    const ada = await signer(clone);
    const replicas = () => field('dev', 'deployment/quote-app', '{.spec.replicas}');
    const only = 'apps/signed-commits/only-signed.yaml';
    try {
      const keys = JSON.stringify({ data: { [ada.id]: ada.key } });
      await kubectl(['patch', 'configmap', 'argocd-gpg-keys-cm', '--namespace=argocd', `--patch=${keys}`]);
      // A pod that changes has its ConfigMaps brought to it at once, and not within a minute.
      const pods = ['pod', '--selector=app.kubernetes.io/name=argocd-repo-server', '--namespace=argocd'];
      await kubectl(['annotate', ...pods, `signer=${ada.id}`, '--overwrite']);
      const ring = [
        'exec',
        'deployment/argocd-repo-server',
        '--container=argocd-repo-server',
        '--namespace=argocd',
      ];
      await until('the key in the ring', async () =>
        (
          await kubectl([
            ...ring,
            '--',
            'gpg',
            '--homedir=/app/config/gpg/keys',
            '--list-keys',
            '--with-colons',
          ])
        ).includes(ada.id),
      );
      await ada.sign(true);
      await edit('apps/kustomization.yaml', 'components:\n', 'components:\n  - signed-commits\n');
      await edit(only, 'keys: []', `keys: [${ada.id}]`);
      await push('only what is signed\n\nArgocd-gpg-seal: what came before was reviewed');
      await until('dev asks for it', async () =>
        (await field('argocd', 'appproject/dev', '{.spec.sourceIntegrity}')).includes(ada.id),
      );

      await ada.sign(false);
      await edit('overlays/dev/kustomization.yaml', 'count: 1', 'count: 2');
      const unsigned = await push('dev: two replicas, signed by nobody');
      let problems: string[] = [];
      const refused = await until('dev refuses it', async () => {
        problems = (await status('dev')).problems;
        return problems.some((problem) => problem.startsWith(`not deployed: ${unsigned.slice(0, 12)} by `));
      });
      t.diagnostic(`${problems.join('\n')} (${refused.toFixed(1)} s)`);
      assert.match(problems.join('\n'), /is unsigned: sign it \("git commit --amend/);
      assert.equal(await replicas(), '1');

      await ada.sign(true);
      await edit('overlays/dev/kustomization.yaml', 'count: 2', 'count: 3');
      await push('dev: three replicas\n\nArgocd-gpg-seal: two were reviewed');
      const deployed = await until('three replicas', async () => (await replicas()) === '3');
      t.diagnostic(`a signed one deployed after ${deployed.toFixed(1)} s`);
      await edit('overlays/dev/kustomization.yaml', 'count: 3', 'count: 1');
      await edit('apps/kustomization.yaml', '  - signed-commits\n', '');
      await edit(only, `keys: [${ada.id}]`, 'keys: []');
      await push('whatever is signed or not');
      await until(
        'dev asks for nothing',
        async () =>
          (await field('argocd', 'appproject/dev', '{.spec.sourceIntegrity}')) === '' &&
          (await replicas()) === '1',
      );
      await until('dev well', async () => isFine(await status('dev')));
      // What the last push did not touch is compared in a while, and says until then what it said.
      await kubectl(['annotate', 'applications', '--all', 'argocd.argoproj.io/refresh=normal', ...inArgocd]);
      await until('nobody complains', async () => {
        const said = ['get', 'applications', '--output=jsonpath={.items[*].status.conditions}', ...inArgocd];
        return !(await kubectl(said)).includes('GIT/GPG');
      });
    } finally {
      await ada.end();
      const none = JSON.stringify({ data: { [ada.id]: null } });
      await kubectl(['patch', 'configmap', 'argocd-gpg-keys-cm', '--namespace=argocd', `--patch=${none}`]);
    }
  });
}

const inArgocd = ['--namespace=argocd'];
const rbac = 'rbac.authorization.k8s.io';
const argo = 'argoproj.io';
const admission = 'admissionregistration.k8s.io';

/** What an environment's commit may say and its project does not let it have. */
const outside = [
  {
    apiVersion: `${admission}/v1`,
    kind: 'ValidatingAdmissionPolicy',
    metadata: { name: 'resources' },
    spec: { validations: [{ expression: 'true' }] },
  },
  {
    apiVersion: `${admission}/v1`,
    kind: 'ValidatingAdmissionPolicyBinding',
    metadata: { name: 'resources' },
    spec: { policyName: 'resources', validationActions: ['Audit'] },
  },
  {
    apiVersion: `${rbac}/v1`,
    kind: 'ClusterRoleBinding',
    metadata: { name: 'escape' },
    roleRef: { apiGroup: rbac, kind: 'ClusterRole', name: 'cluster-admin' },
    subjects: [{ kind: 'ServiceAccount', name: 'quote-app', namespace: 'dev' }],
  },
  { apiVersion: `${argo}/v1alpha1`, kind: 'AppProject', metadata: { name: 'dev' }, spec: {} },
  { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'escape' } },
  { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'argocd-cm' }, data: { escape: 'true' } },
];

/** Kustomize's `namespace:` puts all of it into dev; these run after it. */
const elsewhere = [
  ['prod', 'escape'],
  ['argocd', 'argocd-cm'],
].map(([namespace, name]) => ({
  apiVersion: 'builtin',
  kind: 'PatchTransformer',
  metadata: { name: `to-${namespace}` },
  target: { kind: 'ConfigMap', name: `^${name}$` },
  patch: JSON.stringify([{ op: 'replace', path: '/metadata/namespace', value: namespace }]),
}));

/** Each right in words, and whether the API server grants it to the user. */
async function allowedOf({ kubectl }: Rehearsal, asked: [string, Right][]): Promise<[string, boolean][]> {
  const reviews = asked.map(([user, resourceAttributes]) => ({
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SubjectAccessReview',
    spec: { user, groups: ['system:serviceaccounts', 'system:authenticated'], resourceAttributes },
  }));
  const create = ['create', '--filename=-', '--output=jsonpath={.status.allowed}{"\\n"}'];
  const said = await kubectl(create, JSON.stringify({ apiVersion: 'v1', kind: 'List', items: reviews }));
  const answers = said.trim().split('\n');
  assert.equal(answers.length, asked.length);
  return asked.map(([user, right], index) => [
    `${user} ${Object.values(right).join(' ')}`,
    answers[index] === 'true',
  ]);
}

/** Somebody with a key of their own, by which the clone's commits are signed when that is asked. */
async function signer(clone: string) {
  const home = await mkdtemp(path.join(tmpdir(), 'quotes-gpg-'));
  await chmod(home, 0o700);
  const gpg = async (...args: string[]) =>
    (await execa('gpg', ['--homedir', home, '--batch', ...args])).stdout;
  await gpg('--passphrase', '', '--quick-gen-key', 'Ada <ada@localhost>', 'ed25519', 'sign', '1d');
  const listed = await gpg('--list-keys', '--with-colons');
  const id = /^pub:(?:[^:]*:){3}([0-9A-F]{16}):/m.exec(listed)?.[1] ?? '';
  const program = path.join(home, 'gpg');
  await writeFile(program, `#!/bin/sh\nexec gpg --homedir '${home}' "$@"\n`, { mode: 0o755 });
  const set = (name: string, value: string) => execa('git', ['-C', clone, 'config', name, value]);
  await set('gpg.program', program);
  await set('user.signingkey', id);
  return {
    id,
    key: await gpg('--armor', '--export', id),
    sign: (does: boolean) => set('commit.gpgsign', String(does)),
    end: async () => {
      await set('commit.gpgsign', 'false');
      await execa('gpgconf', ['--homedir', home, '--kill', 'gpg-agent'], { reject: false });
      await rm(home, { recursive: true, force: true });
    },
  };
}
