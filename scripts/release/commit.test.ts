import assert from 'node:assert/strict';
import { chmod, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { commitFiles, publishCommit, requireCommittable } from './commit.ts';
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
  await commitFiles(root, { files: { [a]: 'a: 2\n' }, message: 'two' });
  const theirs = await pushedByOthers('theirs', { 'README.md': 'theirs\n' });
  await write({ [b]: 'b: changed\n' });
  const pushed = await publishCommit(root, 'origin', [a]);
  assert.equal(await git('rev-parse', `${pushed}^`), theirs);
  assert.equal(await git('rev-parse', 'HEAD'), pushed);
  assert.equal(await git('ls-remote', 'origin', 'refs/heads/main'), `${pushed}\trefs/heads/main`);
  assert.equal(await git('status', '--porcelain'), ` M ${b}`);
});

test('where others pushed the same file, nothing is overwritten: the commit is taken back, and theirs is named', async (t) => {
  const { root, git, write, pushedByOthers } = await scratchRepository(t, files);
  const before = await git('rev-parse', 'HEAD');
  await write({ 'README.md': 'staged\n' });
  await git('add', 'README.md');
  await commitFiles(root, { files: { [a]: 'a: 2\n', 'new.yaml': 'x\n' }, message: 'two' });
  const theirs = await pushedByOthers('promote', { [a]: 'a: 3\n' });
  await assert.rejects(publishCommit(root, 'origin', [a, 'new.yaml']), {
    name: 'CannotRun',
    message: new RegExp(`${theirs.slice(0, 7)} Grace: promote`),
  });
  assert.equal(await git('rev-parse', 'HEAD'), before);
  assert.equal(await git('status', '--porcelain'), 'M  README.md');
  assert.equal(await git('ls-remote', 'origin', 'refs/heads/main'), `${theirs}\trefs/heads/main`);
});

test('a remote that cannot be reached leaves the commit, and says how to push it', async (t) => {
  const { root } = await scratchRepository(t, files);
  await commitFiles(root, { files: { [a]: 'a: 2\n' }, message: 'two' });
  await assert.rejects(publishCommit(root, 'nowhere', [a]), {
    name: 'CannotRun',
    message: /^The commit is made and could not be pushed: mend this, then "git push nowhere HEAD:main"/,
  });
});
