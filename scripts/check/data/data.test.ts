import assert from 'node:assert/strict';
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { type Change, check } from '../check.ts';
import { lineOf, repository, spoil } from '../spoilt-copy.ts';

const claim = 'base/postgres-single/persistent-volume-claim.yaml';
const cluster = 'base/postgres-ha/cluster.yaml';
const prod = 'overlays/prod/kustomization.yaml';

/** What the rule finds: the place, the object, the environment, and the message up to how to accept it. */
async function found(root: string, change: Change = {}): Promise<string[]> {
  const { report } = await check(root, [], () => {}, { rule: ['data-removed'] }, change);
  return report.findings.map(({ file, line, object, environment, message }) => {
    const place = line === undefined ? file : `${file}:${line}`;
    return `${place} ${object.kind}/${object.name} in ${environment}: ${message.split(/; accept/)[0]}`;
  });
}

async function remove(root: string, ...files: string[]): Promise<void> {
  for (const file of files) {
    await rm(path.join(root, file), { recursive: true });
  }
}

/** Takes the claim of dev and staging out of what is rendered, and the patches without which nothing would be. */
async function dropClaim(root: string): Promise<void> {
  await spoil(root, 'base/postgres-single/kustomization.yaml', '  - persistent-volume-claim.yaml\n', '');
  for (const environment of ['dev', 'staging']) {
    const overlay = `overlays/${environment}/kustomization.yaml`;
    await spoil(root, overlay, '  - path: storage.yaml\n', '');
  }
}

/** Takes prod's Cluster out of what is rendered, and its patch with it; the ObjectStore stays. */
async function dropCluster(root: string): Promise<void> {
  await spoil(root, 'base/postgres-ha/kustomization.yaml', '  - cluster.yaml\n', '');
  await spoil(root, 'overlays/prod/postgres.yaml', /apiVersion: postgresql[\s\S]*?---\n/, '');
}

const lost = 'this is in Git no more: Argo CD leaves it where it is, and nothing looks after it any longer';

test('a claim or Cluster that no kustomization lists any more is lost in each environment, at where it was', async (t) => {
  const { root } = await repository(t);
  assert.deepEqual(await found(root), []);
  await dropClaim(root);
  await dropCluster(root);
  const places = (clusterAt: string, claimAt: string) => [
    `${clusterAt} Cluster/postgres in prod: ${lost}`,
    `${claimAt} PersistentVolumeClaim/postgres-data in dev: ${lost}`,
    `${claimAt} PersistentVolumeClaim/postgres-data in staging: ${lost}`,
  ];
  // Where each was, and not the overlay's patch, which names it too.
  const lines = places(
    `${cluster}:${await lineOf(root, cluster, 'name: postgres')}`,
    `${claim}:${await lineOf(root, claim, 'name: postgres-data')}`,
  );
  assert.deepEqual(await found(root), lines);
  await remove(root, claim, cluster);
  assert.deepEqual(await found(root), lines);
  for (const file of [claim, cluster]) {
    await writeFile(path.join(root, file), '# Another file now.\n');
  }
  assert.deepEqual(await found(root), places(cluster, claim));
});

test('it is accepted by a commit of the change, for that object alone, and by the message of the next', async (t) => {
  const { root, commit } = await repository(t);
  await dropClaim(root);
  await dropCluster(root);
  const accept = (namespace: string) => {
    const object = namespace === 'prod' ? 'Cluster/postgres' : 'PersistentVolumeClaim/postgres-data';
    return `Acknowledge-Impact: ${object} in ${namespace}: moved to another database`;
  };
  const message = path.join(root, '..', `${path.basename(root)}-message`);
  t.after(() => rm(message));
  await writeFile(
    message,
    `A change\n\n${accept('dev')}\n${accept('staging')}\n# Please enter the message.\n`,
  );
  assert.deepEqual(
    (await found(root, { message })).map((finding) => /in (\w+):/.exec(finding)?.[1]),
    ['prod'],
  );

  await commit('Postgres is elsewhere', `Restored on 2026-11-20.\n\n${accept('prod')}\n${accept('dev')}`);
  assert.deepEqual(
    (await found(root)).map((finding) => /in (\w+):/.exec(finding)?.[1]),
    ['staging'],
  );
  await writeFile(path.join(root, 'notes.md'), 'notes\n');
  await commit('notes', accept('staging').replace(': moved', ':\n moved'));
  assert.deepEqual(await found(root), []);
});

test('an acknowledgement of nothing, or without a reason, is found; one of another kind is not ours', async (t) => {
  const { root, commit } = await repository(t);
  await writeFile(path.join(root, 'notes.md'), 'notes\n');
  await commit(
    'notes',
    [
      'Acknowledge-Impact: PersistentVolumeClaim/postgres-data in dev: moved',
      'Acknowledge-Impact: Namespace/prod:',
      'Acknowledge-Impact: Deployment/quote-app in prod: restarts',
    ].join('\n'),
  );
  const findings = await found(root);
  assert.equal(findings.length, 2);
  assert.match(
    findings.join('\n'),
    /^\. .*acknowledges PersistentVolumeClaim\/postgres-data in dev, to which nothing/m,
  );
  assert.match(
    findings.join('\n'),
    /acknowledges "Namespace\/prod:", which is not of the form KIND\/NAME in NAMESPACE: WHY/,
  );
});

test('an environment that is deleted loses its Application, its project, its namespace and its database', async (t) => {
  const { root } = await repository(t);
  await spoil(root, 'apps/kustomization.yaml', '  - prod.yaml\n', '');
  await remove(root, 'apps/prod.yaml', 'overlays/prod');
  const objects = (await found(root)).map((finding) => / (\S+ in \S+):/.exec(finding)?.[1]);
  assert.deepEqual(objects.sort(), [
    'AppProject/prod in prod',
    'Application/prod in prod',
    'Cluster/postgres in prod',
    'Namespace/prod in prod',
    'ObjectStore/postgres-backups in prod',
  ]);
});

test('an Application that is taken out of the list is lost itself; what it deployed still stands in Git', async (t) => {
  const { root } = await repository(t);
  await spoil(root, 'apps/kustomization.yaml', '  - prod.yaml\n', '');
  const findings = await found(root);
  assert.equal(findings.length, 2);
  assert.match(
    findings.join('\n'),
    /^apps\/prod\.yaml:\d+ Application\/prod in prod: this is in Git no more, and nothing looks after what it deployed: Cluster postgres, ObjectStore postgres-backups, Namespace prod$/m,
  );
});

test('an overlay that is renamed with its Application is the same; with its namespace it begins empty', async (t) => {
  const { root } = await repository(t);
  await rename(path.join(root, 'overlays/prod'), path.join(root, 'overlays/production'));
  await spoil(root, 'apps/prod.yaml', 'path: overlays/prod', 'path: overlays/production');
  assert.deepEqual(await found(root), []);
  const renamed = 'overlays/production/kustomization.yaml';
  await spoil(root, renamed, 'namespace: prod', 'namespace: production');
  const line = await lineOf(root, renamed, 'namespace: production');
  const [namespace = '', moved = '', store = '', ...more] = await found(root);
  assert.deepEqual(more, []);
  assert.match(
    namespace,
    /^base\/namespace\/namespace\.yaml:\d+ Namespace\/prod in prod: this is in Git no more/,
  );
  assert.ok(
    moved.startsWith(
      `${renamed}:${line} Cluster/postgres in prod: this is in namespace production now and begins empty there`,
    ),
    moved,
  );
  assert.match(store, / ObjectStore\/postgres-backups in prod: .* production now and is made anew there/);
});

test('an Application that deploys another folder, or to another cluster, leaves its data behind', async (t) => {
  const { root } = await repository(t);
  await spoil(root, 'apps/prod.yaml', 'path: overlays/prod', 'path: overlays/staging');
  const objects = (await found(root)).map((finding) => / (\S+ in \S+):/.exec(finding)?.[1]);
  assert.deepEqual(objects.sort(), [
    'Cluster/postgres in prod',
    'Namespace/prod in prod',
    'ObjectStore/postgres-backups in prod',
  ]);
  await spoil(root, 'apps/prod.yaml', 'path: overlays/staging', 'path: overlays/prod');
  const server = 'server: https://elsewhere:6443';
  await spoil(root, 'apps/prod.yaml', /(?<=destination:\n {4})server: .*/, server);
  const findings = await found(root);
  assert.equal(findings.length, 3);
  const line = await lineOf(root, 'apps/prod.yaml', server);
  for (const finding of findings) {
    assert.ok(finding.startsWith(`apps/prod.yaml:${line} `), finding);
    const begins = finding.includes('ObjectStore/') ? 'is made anew' : 'begins empty';
    assert.ok(
      finding.includes(`prod is deployed to https://elsewhere:6443 now, where this ${begins}`),
      finding,
    );
  }
});

test('a folder that another Application deploys too is another namespace to its claim', async (t) => {
  const { root } = await repository(t);
  await spoil(root, 'apps/staging.yaml', 'path: overlays/staging', 'path: overlays/dev');
  const findings = await found(root);
  assert.equal(findings.length, 2);
  assert.match(
    findings.join('\n'),
    /PersistentVolumeClaim\/postgres-data in staging: this is in namespace dev now and begins empty there/,
  );
  assert.match(findings.join('\n'), /Namespace\/staging in staging: this is in Git no more/);
});

for (const { file, object, environments, field } of [
  {
    file: claim,
    object: 'PersistentVolumeClaim/postgres-data',
    environments: ['dev', 'staging'],
    field: 'storage',
  },
  { file: cluster, object: 'Cluster/postgres', environments: ['prod'], field: 'size' },
]) {
  test(`${object} that is kept no longer, or asks for less, is found where it says so`, async (t) => {
    const { root } = await repository(t);
    const assertFound = async (at: string, says: string) => {
      const line = await lineOf(root, file, at);
      const findings = await found(root);
      assert.equal(findings.length, environments.length, findings.join('\n'));
      environments.forEach((environment, index) => {
        const expected = `${file}:${line} ${object} in ${environment}: ${says}`;
        assert.ok(findings[index]?.startsWith(expected), findings.join('\n'));
      });
    };
    await spoil(root, file, 'Prune=false,Delete=false', 'Delete=confirm');
    await assertFound(
      'argocd.argoproj.io/sync-options',
      'Prune=false is taken away: Argo CD deletes it when Git says it no more, and its data with it',
    );
    await spoil(root, file, 'Delete=confirm', 'Prune=confirm,Delete=false');
    assert.deepEqual(await found(root), []);
    await spoil(root, file, `${field}: 1Gi`, `${field}: 1000Mi`);
    await assertFound(
      `${field}: 1000Mi`,
      `${field === 'size' ? 'storage' : 'it'} asks for 1000Mi instead of 1Gi`,
    );
    await spoil(root, file, `${field}: 1000Mi`, `${field}: 1024Mi`);
    assert.deepEqual(await found(root), []);
  });
}

test('the store of the backups is held too: its backups stay, but nothing leads to them', async (t) => {
  const { root } = await repository(t);
  const file = 'base/postgres-ha/backups.yaml';
  const place = `${file}:${await lineOf(root, file, 'name: postgres-backups')}`;
  const store = 'ObjectStore/postgres-backups in prod';
  await spoil(root, file, 'Prune=false,Delete=false', 'Prune=false');
  assert.match(
    (await found(root)).join('\n'),
    /Delete=false is taken away: .*, and nothing leads to its backups/,
  );
  await spoil(root, 'overlays/prod/postgres.yaml', /---\n[\s\S]*/, '');
  await spoil(root, file, /[\s\S]*?---\n/, '');
  assert.deepEqual(await found(root), [`${file} ${store}: ${lost}`]);
  await remove(root, file);
  await spoil(root, 'base/postgres-ha/kustomization.yaml', '  - backups.yaml\n', '');
  assert.deepEqual(await found(root), [`${place} ${store}: ${lost}`]);
  const message = path.join(root, '..', `${path.basename(root)}-message`);
  t.after(() => rm(message));
  await writeFile(message, `A change\n\nAcknowledge-Impact: ${store}: another store takes over\n`);
  assert.deepEqual(await found(root, { message }), []);
});

test('a finalizer that has an Application take along what it deployed is found; one that does not is not', async (t) => {
  const { root } = await repository(t);
  const finalizers = (name: string) => `metadata:\n  name: prod\n  finalizers:\n    - a.b/c\n    - ${name}\n`;
  const application = /(?<=kind: Application\n)metadata:\n {2}name: prod\n/;
  await spoil(
    root,
    'apps/prod.yaml',
    application,
    finalizers('resources-finalizer.argocd.argoproj.io/background'),
  );
  const line = await lineOf(root, 'apps/prod.yaml', '- resources-finalizer');
  const [finding = '', ...more] = await found(root);
  assert.deepEqual(more, []);
  assert.ok(
    finding.startsWith(`apps/prod.yaml:${line} Application/prod in prod: deleting it deletes from now on`),
    finding,
  );
  await spoil(root, 'apps/prod.yaml', 'resources-finalizer', 'other-finalizer');
  assert.deepEqual(await found(root), []);
});

test('a namespace that is taken out of a commit is lost with everything in it', async (t) => {
  const { root } = await repository(t, (folder) =>
    spoil(folder, 'base/namespace/namespace.yaml', 'Prune=false', 'Prune=true'),
  );
  await spoil(root, prod, '  - ../../base/namespace\n', '');
  const [finding = '', ...more] = await found(root);
  assert.deepEqual(more, []);
  assert.match(
    finding,
    /Namespace\/prod in prod: this is in Git no more: Argo CD deletes it, and everything in it$/,
  );
});

const stores = `apiVersion: apps/v1
kind: StatefulSet
metadata:
  name: store
spec:
  serviceName: store
  selector: {matchLabels: {app: store}}
  template:
    metadata: {labels: {app: store}}
    spec: {containers: [{name: store, image: store}]}
  volumeClaimTemplates:
    - metadata: {name: data}
      spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 2Gi}}}
---
apiVersion: postgresql.cnpg.io/v1
kind: Cluster
metadata:
  name: database
  annotations:
    argocd.argoproj.io/sync-options: Prune=false,Delete=false
spec:
  instances: 3
  storage: {size: 10Gi}
  walStorage: {size: 2Gi}
`;

async function addStores(root: string): Promise<void> {
  await spoil(root, 'overlays/prod/stores.yaml', '', stores);
  await spoil(root, prod, '  - priority-class.yaml\n', '  - priority-class.yaml\n  - stores.yaml\n');
}

test('a StatefulSet and a CloudNativePG Cluster are held as a claim is', async (t) => {
  const { root } = await repository(t, addStores);
  assert.deepEqual(await found(root), []);
  await spoil(root, 'overlays/prod/stores.yaml', 'storage: 2Gi', 'storage: 1Gi');
  await spoil(root, 'overlays/prod/stores.yaml', 'size: 2Gi', 'size: 1Gi');
  await spoil(root, 'overlays/prod/stores.yaml', 'Prune=false,', '');
  const findings = await found(root);
  assert.equal(findings.length, 3);
  assert.match(findings.join('\n'), /StatefulSet\/store in prod: data asks for 1Gi instead of 2Gi/);
  assert.match(findings.join('\n'), /Cluster\/database in prod: walStorage asks for 1Gi instead of 2Gi/);
  assert.match(findings.join('\n'), /Cluster\/database in prod: Prune=false is taken away/);
  await spoil(root, prod, '  - stores.yaml\n', '');
  assert.deepEqual(
    (await found(root)).map((finding) => / (\S+) in prod: this is in Git no more/.exec(finding)?.[1]).sort(),
    ['Cluster/database', 'StatefulSet/store'],
  );
});

test('of several of a kind each is found to begin empty on another cluster', async (t) => {
  const { root } = await repository(t, addStores);
  await spoil(root, 'apps/prod.yaml', /(?<=destination:\n {4})server: .*/, 'server: https://elsewhere:6443');
  assert.deepEqual(
    (await found(root)).map((finding) => / (\S+) in prod: prod is deployed to/.exec(finding)?.[1]).sort(),
    [
      'Cluster/database',
      'Cluster/postgres',
      'Namespace/prod',
      'ObjectStore/postgres-backups',
      'StatefulSet/store',
    ],
  );
});

test('files that move without changing an object take nothing away', async (t) => {
  const { root, commit } = await repository(t);
  for (const base of ['single', 'ha']) {
    await rename(path.join(root, `base/postgres-${base}`), path.join(root, `base/database-${base}`));
  }
  for (const environment of ['dev', 'prod', 'staging']) {
    await spoil(root, `overlays/${environment}/kustomization.yaml`, 'base/postgres-', 'base/database-');
  }
  await spoil(root, 'base/postgres-managed/kustomization.yaml', '../postgres-ha', '../database-ha');
  assert.deepEqual(await found(root), []);
  await commit('moved');
  assert.deepEqual(await found(root), []);
});

test('it compares with where the branch left main, or the revision that is given; on main with HEAD', async (t) => {
  const { root, git, commit } = await repository(t);
  await spoil(root, claim, 'storage: 1Gi', 'storage: 2Gi');
  await commit('larger');
  await spoil(root, claim, 'storage: 2Gi', 'storage: 1Gi');
  assert.deepEqual(await found(root), []);
  assert.equal((await found(root, { since: 'HEAD' })).length, 2);
  await git('checkout', '--quiet', '.');
  // What main has got since is not taken away by a branch that has not got it.
  await git('switch', '--quiet', 'main');
  await spoil(root, claim, 'storage: 1Gi', 'storage: 3Gi');
  await commit('larger still');
  await git('switch', '--quiet', 'change');
  for (const change of [{}, { since: 'main' }]) {
    assert.deepEqual(await found(root, change), []);
  }
  await git('switch', '--quiet', 'main');
  await spoil(root, claim, 'storage: 3Gi', 'storage: 1Gi');
  assert.equal((await found(root)).length, 2);
  await commit('smaller');
  assert.deepEqual(await found(root), []);
});

test('where git knows nothing that it comes from, or not all renders, nothing is said', async (t) => {
  const { root, git } = await repository(t);
  await remove(root, claim);
  const { report } = await check(root, [], () => {}, { rule: ['data-removed'] }, {});
  assert.deepEqual([...new Set(report.findings.map(({ rule }) => rule))], ['render-failed']);
  await dropClaim(root);
  assert.equal((await found(root)).length, 2);
  assert.deepEqual(await found(root, { since: 'nowhere' }), []);
  await git('branch', '--quiet', '--delete', '--force', 'main');
  assert.deepEqual(await found(root), []);
  await remove(root, '.git');
  assert.deepEqual(await found(root), []);
});

test('a folder that lies below the root of its repository is compared with itself', async (t) => {
  const outer = await mkdtemp(path.join(tmpdir(), 'quotes-data-test-'));
  t.after(() => rm(outer, { recursive: true, force: true }));
  const { root, git } = await repository(t);
  await rename(root, path.join(outer, 'x'));
  await rename(outer, root);
  await git('init', '--quiet', '--initial-branch=main');
  await remove(root, 'x/.git');
  await git('add', '.');
  await git('commit', '--quiet', '--message=x');
  const folder = path.join(root, 'x');
  assert.deepEqual(await found(folder), []);
  await spoil(folder, claim, 'storage: 1Gi', 'storage: 1Mi');
  assert.equal((await found(folder)).length, 2);
});
