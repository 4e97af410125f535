import assert from 'node:assert/strict';
import { chmod, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { commitFiles, publishCommit, requireCommittable, requirePushable } from './commit.ts';
import { scratchRepository } from './scratch-repository.ts';

const files = { 'overlays/dev/a.yaml': 'a: 1\n', 'overlays/dev/b.yaml': 'b: 1\n', 'README.md': 'x\n' };
const a = 'overlays/dev/a.yaml';
const b = 'overlays/dev/b.yaml';

test('in a dirty tree just the files are committed; what is staged, changed or new beside them stays so', async (t) => {
  const { root, git, write } = await scratchRepository(t, files);
  await write({ 'README.md': 'staged\n' });
  await git('add', 'README.md');
  await write({ [b]: 'b: changed\n', 'new.txt': 'new\n' });
  const before = await git('status', '--porcelain');
  const commit = await commitFiles(root, {
    files: { [a]: 'a: 2\n', 'overlays/dev/c.yaml': 'c: 1\n' },
    message: 'two',
  });
  assert.equal(await git('rev-parse', 'HEAD'), commit);
  assert.equal(await git('show', '--format=%s', '--name-only', commit), `two\n\n${a}\noverlays/dev/c.yaml`);
  assert.equal(await git('status', '--porcelain'), before);
});

test('a file that has changes of its own is named, and nothing is committed', async (t) => {
  const { root, git, write } = await scratchRepository(t, files);
  await write({ [a]: 'a: mine\n' });
  const head = await git('rev-parse', 'HEAD');
  await assert.rejects(commitFiles(root, { files: { [a]: 'a: 2\n' }, message: 'two' }), {
    name: 'CannotRun',
    message: `${a}: changed and not committed. Commit or stash that, then run this again; other changes may stay.`,
  });
  assert.equal(await readFile(path.join(root, a), 'utf8'), 'a: mine\n');
  assert.equal(await git('rev-parse', 'HEAD'), head);
});

test('where a hook says no, the files are what they were and its words are shown', async (t) => {
  const { root, git } = await scratchRepository(t, files);
  const hook = path.join(root, '.git/hooks/pre-commit');
  await writeFile(hook, '#!/bin/sh\necho "the check found something" >&2\nexit 1\n');
  await chmod(hook, 0o755);
  const proposal = { files: { [a]: 'a: 2\n', 'new.yaml': 'x\n' }, message: 'two' };
  await assert.rejects(commitFiles(root, proposal), {
    name: 'CannotRun',
    message: /the check found something/,
  });
  assert.equal(await git('status', '--porcelain'), '');
});

test('in the middle of a merge, or with HEAD on no branch, it says how to go on', async (t) => {
  const { root, git, commit } = await scratchRepository(t, files);
  await git('switch', '--quiet', '--create', 'other');
  await commit('other', { [a]: 'a: other\n' });
  await git('switch', '--quiet', 'main');
  await commit('main', { [a]: 'a: main\n' });
  await assert.rejects(git('merge', 'other'));
  await assert.rejects(requireCommittable(root, [b]), { message: /^A merge is under way: end it/ });
  await git('merge', '--abort');
  await git('switch', '--quiet', '--detach');
  await assert.rejects(requireCommittable(root, [b]), { message: /^HEAD is on no branch/ });
});

test('pushed beside what others pushed, the commit is put on top of theirs, and a dirty tree stays as it is', async (t) => {
  const { root, git, write, pushedByOthers } = await scratchRepository(t, files);
  const seen = await requirePushable(root, 'origin', [a]);
  await commitFiles(root, { files: { [a]: 'a: 2\n', 'new.yaml': 'x\n' }, message: 'two' });
  const theirs = await pushedByOthers('theirs', { 'other.md': 'theirs\n' });
  await write({ 'README.md': 'staged\n' });
  await git('add', 'README.md');
  await write({ [b]: 'b: changed\n', 'README.md': 'changed again\n' });
  const { commit, isHere } = await publishCommit(root, 'origin', seen, [a, 'new.yaml']);
  assert.equal(isHere, true);
  assert.equal(await git('log', '-1', '--format=%P %an %s', commit), `${theirs} Ada two`);
  assert.equal(await git('show', '--format=', '--name-only', commit), `new.yaml\n${a}`);
  assert.equal(await git('rev-parse', 'HEAD'), commit);
  assert.equal(await git('ls-remote', 'origin', 'refs/heads/main'), `${commit}\trefs/heads/main`);
  assert.equal(await git('status', '--porcelain'), `MM README.md\n M ${b}`);
});

test('where what others pushed is changed in the working tree too, it is pushed and the tree is left alone', async (t) => {
  const { root, git, write, pushedByOthers } = await scratchRepository(t, files);
  const before = await git('rev-parse', 'HEAD');
  const seen = await requirePushable(root, 'origin', [a]);
  await write({ 'README.md': 'mine, not committed\n' });
  await commitFiles(root, { files: { [a]: 'a: 2\n' }, message: 'two' });
  await pushedByOthers('theirs', { 'README.md': 'theirs\n' });
  const { commit, isHere } = await publishCommit(root, 'origin', seen, [a]);
  assert.equal(isHere, false);
  assert.equal(await git('ls-remote', 'origin', 'refs/heads/main'), `${commit}\trefs/heads/main`);
  assert.equal(await git('rev-parse', 'HEAD'), before);
  assert.equal(await git('status', '--porcelain'), ' M README.md');
  assert.equal(await readFile(path.join(root, 'README.md'), 'utf8'), 'mine, not committed\n');
  assert.equal(await git('stash', 'list'), '');
});

test('commits that were not pushed are named, and go nowhere with another one', async (t) => {
  const { root, git, commit } = await scratchRepository(t, files);
  await git('switch', '--quiet', '--create', 'feature');
  await commit('work in progress', { 'README.md': 'not for main\n' });
  await assert.rejects(requirePushable(root, 'origin', [a]), {
    name: 'CannotRun',
    message:
      /^HEAD has commits that origin's main has not, and --push is to bring one alone:\n {2}\w+ work in progress\n/,
  });
});

test('where others pushed the same file, nothing is overwritten: the commit is taken back, and theirs is named', async (t) => {
  const { root, git, write, pushedByOthers } = await scratchRepository(t, files);
  const before = await git('rev-parse', 'HEAD');
  await write({ 'README.md': 'staged\n' });
  await git('add', 'README.md');
  const seen = await requirePushable(root, 'origin', [a, 'new.yaml']);
  await commitFiles(root, { files: { [a]: 'a: 2\n', 'new.yaml': 'x\n' }, message: 'two' });
  const theirs = await pushedByOthers('promote', { [a]: 'a: 3\n' });
  const named = { name: 'CannotRun', message: new RegExp(`${theirs.slice(0, 7)} Grace: promote`) };
  await assert.rejects(publishCommit(root, 'origin', seen, [a, 'new.yaml']), named);
  assert.equal(await git('rev-parse', 'HEAD'), before);
  assert.equal(await git('status', '--porcelain'), 'M  README.md');
  assert.equal(await git('ls-remote', 'origin', 'refs/heads/main'), `${theirs}\trefs/heads/main`);
  // Seen before there is a commit, it is said in the same words.
  await assert.rejects(requirePushable(root, 'origin', [a]), named);
});

test('a remote that cannot be reached, or refuses for a reason of its own, is said', async (t) => {
  const { root, remote } = await scratchRepository(t, files);
  await assert.rejects(requirePushable(root, 'nowhere', [a]), {
    name: 'CannotRun',
    message: /^--push nowhere: its main cannot be fetched:/,
  });
  const hook = path.join(remote, 'hooks/pre-receive');
  await writeFile(hook, '#!/bin/sh\necho "main is protected" >&2\nexit 1\n');
  await chmod(hook, 0o755);
  const seen = await requirePushable(root, 'origin', [a]);
  const commit = await commitFiles(root, { files: { [a]: 'a: 2\n' }, message: 'two' });
  await assert.rejects(publishCommit(root, 'origin', seen, [a]), {
    name: 'CannotRun',
    message: new RegExp(
      `does not take it: mend this, then "git push origin ${commit}:main"\\.\n[^]*main is protected`,
    ),
  });
});

test('two who push at the same instant both end well, one on top of the other', async (t) => {
  const first = await scratchRepository(t, files);
  const second = await first.another('Grace');
  const push = async ({ root }: { root: string }, file: string) => {
    const seen = await requirePushable(root, 'origin', [file]);
    await commitFiles(root, { files: { [file]: 'changed: 1\n' }, message: file });
    return publishCommit(root, 'origin', seen, [file]);
  };
  await Promise.all([push(first, a), push(second, b)]);
  const log = await first.git('ls-remote', 'origin', 'refs/heads/main');
  await first.git('fetch', '--quiet', 'origin', 'main');
  assert.equal((await first.git('log', '--format=%s', 'FETCH_HEAD')).split('\n').length, 3, log);
});
