import assert from 'node:assert/strict';
import { test } from 'node:test';
import { versionAt, versionBefore } from './rollback-target.ts';
import { scratchRepository } from './scratch-repository.ts';
import { versionsOf } from './versions.ts';

const pinned = (letter: string, flag = 'off') => ({
  'overlays/prod/kustomization.yaml': `images:\n  - name: quote-app\n    digest: sha256:${letter.repeat(64)}\n`,
  'overlays/prod/release.yaml': `metadata: {annotations: {flag: "${flag}"}}\n`,
});

test('back goes to the version before, with the file as it was when that ended; once more goes further back', async (t) => {
  const { root, git, commit } = await scratchRepository(t, pinned('a'));
  await commit('b', pinned('b'));
  const flagged = await commit('b with a flag', pinned('b', 'on'));
  await commit('c', pinned('c'));
  const before = versionBefore(await versionsOf(root, 'prod'), 'prod');
  assert.equal(before.version.digest[7], 'b');
  assert.equal(await git('rev-parse', before.at), flagged);
  await commit('back to b', pinned('b', 'on'));
  assert.equal(versionBefore(await versionsOf(root, 'prod'), 'prod').version.digest[7], 'a');
  await commit('back to a', pinned('a'));
  const all = await versionsOf(root, 'prod');
  assert.throws(() => versionBefore(all, 'prod'), {
    message: /^prod was pinned to no version before this one/,
  });
});

test('at a commit is what the environment was there, flag and all, and no other history than its own', async (t) => {
  const { root, git, commit } = await scratchRepository(t, pinned('a'));
  const flagged = await commit('a flag', pinned('a', 'on'));
  await commit('b', pinned('b'));
  const found = await versionAt(root, 'prod', 'HEAD~1');
  assert.deepEqual([found.version.digest[7], found.at], ['a', flagged]);
  await git('switch', '--quiet', '--create', 'other', 'HEAD~2');
  const elsewhere = await commit('never merged', pinned('d'));
  await git('switch', '--quiet', 'main');
  await assert.rejects(versionAt(root, 'prod', elsewhere), {
    message: `--to ${elsewhere}: prod was never there, as HEAD does not come from it.`,
  });
  await assert.rejects(versionAt(root, 'prod', 'nothing'), {
    message: '--to nothing: git knows no such commit.',
  });
});

test('where the history ends too soon, that is said, and no version is made up', async (t) => {
  const { remote, root, git, commit } = await scratchRepository(t, pinned('a'));
  await commit('b', { 'README.md': 'x' });
  await git('push', '--quiet', 'origin', 'HEAD:main');
  const shallow = `${root}-shallow`;
  await git('clone', '--quiet', '--depth=1', `file://${remote}`, shallow);
  await assert.rejects(versionsOf(shallow, 'prod'), {
    message: 'This clone has not all of its history: "git fetch --unshallow", then run this again.',
  });
  await commit('c', pinned('c'));
  await git('push', '--quiet', 'origin', 'HEAD:main');
  await git('-C', shallow, 'pull', '--quiet', 'origin', 'main');
  assert.deepEqual(
    (await versionsOf(shallow, 'prod')).map(({ digest }) => digest[7]),
    ['c'],
  );
});
