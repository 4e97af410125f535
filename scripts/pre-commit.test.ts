import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { execa } from 'execa';
import { spoilable } from './check/spoilt-copy.ts';
import { repoRoot } from './paths.ts';

const prod = 'overlays/prod/kustomization.yaml';
const claim = 'base/postgres-single/persistent-volume-claim.yaml';

/** A git repository with these manifests and this hook switched on, and its first commit made. */
async function repository(t: TestContext) {
  const root = await mkdtemp(path.join(tmpdir(), 'quotes-hook-test-'));
  t.after(() => rm(root, { recursive: true }));
  for (const folder of ['.githooks', ...spoilable]) {
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
  await git('add', '.githooks', ...spoilable);
  const replicas = async (count: number) => {
    const file = path.join(root, prod);
    await writeFile(file, (await readFile(file, 'utf8')).replace(/count: \d/, `count: ${count}`));
  };
  const commit = (...body: string[]) =>
    git('commit', ...['test', ...body].map((line) => `--message=${line}`));
  /** Stages a claim that asks for so much. */
  const storage = async (amount: string) => {
    const file = path.join(root, claim);
    await writeFile(file, (await readFile(file, 'utf8')).replace(/storage: \S+/, `storage: ${amount}`));
    await git('add', claim);
  };
  return { root, git, replicas, storage, commit };
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

test('a commit of other files is held to the rule on secrets alone', async (t) => {
  const { root, git, replicas, commit } = await repository(t);
  await replicas(1);
  await git('add', prod);
  assert.equal((await git('commit', '--no-verify', '--message=bad already')).exitCode, 0);
  await writeFile(path.join(root, 'notes.md'), 'notes\n');
  await git('add', 'notes.md');
  const other = await commit();
  assert.equal(other.exitCode, 0, other.all);
  await writeFile(path.join(root, 'notes.md'), `the token is ghp_${randomBytes(18).toString('hex')}\n`);
  await git('add', 'notes.md');
  const secret = await commit();
  assert.equal(secret.exitCode, 1);
  assert.match(secret.all, /^notes\.md\n +1 +error +secret-in-file +GitHub Token in plain text$/m);
});

test('what takes data away is stopped until the message accepts it, whatever lies in the working tree', async (t) => {
  const { root, git, storage, commit } = await repository(t);
  assert.equal((await commit()).exitCode, 0);
  await storage('512Mi');
  await writeFile(path.join(root, claim), 'nonsense\n');
  const accept = (environment: string) =>
    `Acknowledge-Impact: PersistentVolumeClaim/postgres-data in ${environment}: it is empty yet`;
  const stopped = await commit(accept('dev'));
  assert.equal(stopped.exitCode, 1);
  assert.match(stopped.all, /Acknowledge-Impact: PersistentVolumeClaim\/postgres-data in staging: WHY/);
  assert.doesNotMatch(stopped.all, /postgres-data in dev/);
  assert.match(stopped.all, /git commit --edit --file=\S+COMMIT_EDITMSG/);
  assert.equal((await git('rev-list', '--count', 'HEAD')).stdout, '1');
  const accepted = await commit(['dev', 'staging'].map(accept).join('\n'));
  assert.equal(accepted.exitCode, 0, accepted.all);
  assert.equal((await git('diff', '--cached', '--name-only')).stdout, '');
  assert.equal((await git('diff', '--name-only')).stdout, claim);
});

test('a migration that is on main is not changed, one on a branch is', async (t) => {
  const { root, git, commit } = await repository(t);
  const write = async (file: string, text: string) => {
    await mkdir(path.join(root, 'service/migrations'), { recursive: true });
    await writeFile(path.join(root, 'service', file), text);
    await git('add', 'service');
  };
  await write('package.json', '{"dependencies": {"node-pg-migrate": "9.0.0"}}');
  await write('migrations/0001_a.sql', 'CREATE TABLE a (x integer);');
  assert.equal((await commit()).exitCode, 0);
  await git('switch', '--create', 'change');
  await write('migrations/0001_a.sql', 'CREATE TABLE b (x integer);');
  const changed = await commit();
  assert.equal(changed.exitCode, 1);
  assert.match(changed.all, /this has run already/);
  await write('migrations/0001_a.sql', 'CREATE TABLE a (x integer);');
  for (const table of ['b', 'c']) {
    await write('migrations/0002_b.sql', `CREATE TABLE ${table} (x integer);`);
    assert.equal((await commit()).exitCode, 0);
  }
});
