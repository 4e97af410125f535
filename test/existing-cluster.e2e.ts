import assert from 'node:assert/strict';
import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { execa } from 'execa';
import { embeddedCluster } from '../scripts/cluster/cluster.ts';
import { reachedHere } from '../scripts/cluster/git-server/git-server.ts';
import { clusterLayout, inClusterRepository } from '../scripts/cluster/layout.ts';
import { objectStoreKey } from '../scripts/cluster/object-store.ts';
import { mirrorPatch } from '../scripts/cluster/upstream-mirror/upstream-mirror.ts';
import { environments } from '../scripts/environment.ts';
import { kubectlFor } from '../scripts/gitops/kubectl.ts';
import { backupCredentials } from '../scripts/gitops/secrets.ts';
import { type EnvironmentStatus, isFine } from '../scripts/gitops/status.ts';
import { repoRoot } from '../scripts/paths.ts';
import { prepare } from '../scripts/start/preparation.ts';

test("on a cluster that exists, start --context deploys what the clone's origin says, images pinned by Git, and a drill asks first and puts back by a commit", async (t) => {
  const cluster = embeddedCluster('existing');
  await cluster.stop(() => {}, { purge: true });
  const folder = await mkdtemp(path.join(tmpdir(), 'quotes-existing-'));
  t.after(async () => {
    await cluster.stop(() => {}, { purge: true });
    await rm(folder, { recursive: true });
  });
  await prepare();
  // Kubernetes alone, as a cloud would give it: no Argo CD, nothing deployed.
  const ports = await cluster.start(() => {});
  const clone = path.join(folder, 'clone');
  await execa('git', ['clone', '--quiet', repoRoot, clone]);
  await symlink(path.join(repoRoot, 'node_modules'), path.join(clone, 'node_modules'));
  const git = (...args: string[]) => execa('git', ['-C', clone, ...args]);
  const npm = (options: { input?: string; reject?: boolean }, verb: string, ...args: string[]) =>
    execa(process.execPath, [path.join(clone, 'scripts/run.mjs'), verb, ...args], {
      env: { KUBECONFIG: cluster.kubeconfig },
      ...(options.input === undefined && { stdin: 'ignore' }),
      stderr: 'inherit',
      ...options,
    });
  for (const environment of environments) {
    await npm({}, 'image', '--write', environment, '--name', 'existing');
  }
  await git(
    '-c',
    'user.name=e2e',
    '-c',
    'user.email=e2e@localhost',
    'commit',
    '--all',
    '--message=Pin digests',
  );
  await git('push', '--quiet', `http://127.0.0.1:${ports.git}/quotes.git`, 'HEAD:main');
  await git('remote', 'set-url', 'origin', inClusterRepository);
  // What README asks of the user: the key of the store for backups.
  const kubectl = await kubectlFor({ kubeconfig: cluster.kubeconfig });
  await kubectl.apply([
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'prod' } },
    backupCredentials(await objectStoreKey(clusterLayout('existing'))),
  ]);
  const start = npm({}, 'start', '--context', 'quotes-existing');
  // A cloud reaches upstream's manifests by itself, and a forge on its usual port; this machine has both beside it.
  await kubectl([
    'wait',
    'deployment/argocd-repo-server',
    '--namespace=argocd',
    '--for=create',
    '--timeout=120s',
  ]);
  const patch = ['patch', 'deployment', 'argocd-repo-server', '--namespace=argocd'];
  await kubectl([...patch, `--patch-file=${mirrorPatch}`]);
  await kubectl(['apply', '--namespace=argocd', `--filename=${reachedHere}`]);
  await start;
  const status = JSON.parse(
    (await npm({}, 'status', '--json', '--context', 'quotes-existing')).stdout,
  ) as EnvironmentStatus[];
  assert.equal(status.length, environments.length);
  assert.ok(status.every(isFine));
  assert.ok(status.every(({ image }) => image?.includes('@sha256:')));
  const answer = await fetch(`http://127.0.0.1:${ports.prod}/version`);
  assert.equal(((await answer.json()) as { environment: string }).environment, 'prod');

  const repository = `http://127.0.0.1:${ports.git}/quotes.git`;
  const main = async () => (await execa('git', ['ls-remote', repository, 'main'])).stdout.slice(0, 40);
  const deployed = await main();
  const drill = (typed: string) =>
    npm(
      { input: `${typed}\n`, reject: false },
      'drill',
      'scale',
      '--context',
      'quotes-existing',
      '--url',
      `dev=http://127.0.0.1:${ports.dev}`,
      '--repository',
      repository,
    );
  const refused = await drill('quotes-another');
  assert.equal(refused.exitCode, 2);
  assert.equal(await main(), deployed);
  assert.equal((await drill('quotes-existing')).exitCode, 0);
  await git('fetch', '--quiet', repository, 'main');
  // Put back by a commit: what others may have pulled stays.
  await git('merge-base', '--is-ancestor', deployed, 'FETCH_HEAD');
  assert.equal((await git('diff', deployed, 'FETCH_HEAD')).stdout, '');
});
