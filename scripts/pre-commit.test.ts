import assert from 'node:assert/strict';
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { execa } from 'execa';
import { repoRoot } from './paths.ts';

const prod = 'overlays/prod/kustomization.yaml';

/** A git repository with these manifests and this hook switched on, and its first commit made. */
async function repository(t: TestContext) {
  const root = await mkdtemp(path.join(tmpdir(), 'quotes-hook-test-'));
  t.after(() => rm(root, { recursive: true }));
  for (const folder of ['.githooks', 'apps', 'base', 'overlays', 'policies']) {
    await cp(path.join(repoRoot, folder), path.join(root, folder), { recursive: true });
  }
  // The program stays this checkout's, whose packages are installed.
  await symlink(path.join(repoRoot, 'scripts'), path.join(root, 'scripts'));
  const git = (...args: string[]) =>
    execa('git', ['-c', 'user.name=Test', '-c', 'user.email=test@127.0.0.1', ...args], {
      cwd: root,
      env: { GIT_CONFIG_GLOBAL: '/dev/null', GITHUB_ACTIONS: '' },
      all: true,
      reject: false,
    });
  await git('init', '--quiet', '--initial-branch=main');
  await git('config', 'core.hooksPath', '.githooks');
  await git('add', ...['.githooks', 'apps', 'base', 'overlays', 'policies']);
  const replicas = async (count: number) => {
    const file = path.join(root, prod);
    await writeFile(file, (await readFile(file, 'utf8')).replace(/count: \d/, `count: ${count}`));
  };
  const commit = () => git('commit', '--message=test');
  return { root, git, replicas, commit };
}

test('a commit of good manifests passes, one of a bad manifest is stopped with how to skip the check', async (t) => {
  const { git, replicas, commit } = await repository(t);
  const first = await commit();
  assert.equal(first.exitCode, 0, first.all);
  assert.match(first.all, /^no findings in /m);

  await replicas(1);
  await git('add', prod);
  const bad = await commit();
  assert.equal(bad.exitCode, 1);
  assert.match(bad.all, /^overlays\/prod\/|error {2}minimum-replicas/m);
  assert.match(bad.all, /git commit --no-verify/);
  assert.equal((await git('rev-list', '--count', 'HEAD')).stdout, '1');
  assert.equal((await git('commit', '--no-verify', '--message=test')).exitCode, 0);
});

test('what is staged is checked, whatever lies in the working tree', async (t) => {
  const { git, replicas, commit } = await repository(t);
  await replicas(4);
  await git('add', prod);
  await replicas(1);
  assert.equal((await commit()).exitCode, 0);
  await git('add', prod);
  await replicas(3);
  assert.equal((await commit()).exitCode, 1);
  // commit --all stages in an index of its own, which the hook must read.
  assert.equal((await git('commit', '--all', '--message=test')).exitCode, 0);
});

test('a commit of other files runs no check', async (t) => {
  const { root, git, replicas, commit } = await repository(t);
  await replicas(1);
  await git('add', prod);
  assert.equal((await git('commit', '--no-verify', '--message=bad already')).exitCode, 0);
  await writeFile(path.join(root, 'notes.md'), 'notes\n');
  await git('add', 'notes.md');
  const other = await commit();
  assert.equal(other.exitCode, 0, other.all);
  assert.doesNotMatch(other.all, /findings/);
});
