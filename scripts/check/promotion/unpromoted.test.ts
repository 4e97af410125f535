import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { execa } from 'execa';
import { check } from '../check.ts';
import { readImage } from '../images.ts';
import { copy, lineOf, repository, spoil } from '../spoilt-copy.ts';

const first = `sha256:${'1'.repeat(64)}`;
const second = `sha256:${'2'.repeat(64)}`;
const third = `sha256:${'3'.repeat(64)}`;

const overlayOf = (environment: string) => `overlays/${environment}/kustomization.yaml`;

/** Sets the digest of quote-app, in place of the digest or the tag that it had. */
async function pin(root: string, environment: string, digest: string): Promise<void> {
  await spoil(root, overlayOf(environment), /(digest|newTag): \S+/, `digest: ${digest}`);
}

async function found(root: string): Promise<string[]> {
  const { report } = await check(root, [], () => {}, { rule: ['unpromoted-digest'] }, {});
  return report.findings.map(({ file, line, message }) => `${file}:${line} ${message}`);
}

async function unpromoted(
  root: string,
  environment: string,
  digest: string,
  before: string,
): Promise<string> {
  const line = await lineOf(root, overlayOf(environment), 'digest:');
  return `${overlayOf(environment)}:${line} ${environment} runs ${digest.slice(0, 19)}, and ${before} never had it before: promote it there first`;
}

/** A repository in which staging and prod pin the first digest; `land` makes the next commit main's as well. */
async function pinned(t: TestContext) {
  const { root, git, commit } = await repository(t, async (root) => {
    await pin(root, 'staging', first);
    await pin(root, 'prod', first);
  });
  const land = async (message: string) => {
    await commit(message);
    await git('branch', '--force', 'main');
  };
  return { root, git, commit, land };
}

test('what was pushed to the remote of a cluster was there, though the default branch has it not yet', async (t) => {
  const { root, git, commit } = await pinned(t);
  await pin(root, 'staging', second);
  await commit('staging has the second');
  await pin(root, 'prod', second);
  assert.deepEqual(await found(root), [await unpromoted(root, 'prod', second, 'staging')]);
  await git('update-ref', 'refs/remotes/local/main', 'HEAD');
  assert.deepEqual(await found(root), []);
});

test('prod may have what staging has, or once had, on the default branch; and what it had itself', async (t) => {
  const { root, land } = await pinned(t);
  await pin(root, 'staging', second);
  assert.deepEqual(await found(root), []);
  await land('staging has the second');
  await pin(root, 'prod', second);
  assert.deepEqual(await found(root), []);
  await pin(root, 'staging', third);
  assert.deepEqual(await found(root), []);
  await land('staging has the third, and prod the second');
  assert.deepEqual(await found(root), []);
  await pin(root, 'prod', first);
  assert.deepEqual(await found(root), []);
});

test('prod may not have what staging never had, nor what it gets in the same change, in however many commits', async (t) => {
  const { root, commit } = await pinned(t);
  await pin(root, 'prod', second);
  const finding = await unpromoted(root, 'prod', second, 'staging');
  assert.deepEqual(await found(root), [finding]);
  await pin(root, 'prod', first);
  await pin(root, 'staging', second);
  await commit('staging has the second');
  await pin(root, 'prod', second);
  assert.deepEqual(await found(root), [finding]);
  await commit('prod has it too');
  assert.deepEqual(await found(root), [finding]);
});

test('on the default branch it is found that one commit gave a digest to both, until prod has another', async (t) => {
  const { root, git, commit, land } = await pinned(t);
  assert.deepEqual(await found(root), []);
  await pin(root, 'staging', second);
  await pin(root, 'prod', second);
  await land('both have the second');
  const finding = await unpromoted(root, 'prod', second, 'staging');
  assert.deepEqual(await found(root), [finding]);
  await spoil(root, overlayOf('prod'), 'count: 3', 'count: 4');
  await commit('four');
  // A change that has nothing to do with it is not held up.
  assert.deepEqual(await found(root), []);
  await git('branch', '--force', 'main');
  assert.deepEqual(await found(root), [finding]);
  await pin(root, 'staging', third);
  await land('staging has the third');
  assert.deepEqual(await found(root), [finding]);
  await pin(root, 'prod', third);
  await land('prod has it too');
  assert.deepEqual(await found(root), []);
});

test('what staging had before counts, though one commit gave it to both again', async (t) => {
  const { root, land } = await pinned(t);
  await pin(root, 'staging', second);
  await land('staging has the second');
  await pin(root, 'staging', third);
  await land('staging has the third');
  await pin(root, 'staging', second);
  await pin(root, 'prod', second);
  await land('both have the second');
  assert.deepEqual(await found(root), []);
});

test('an environment that follows a tag may have run anything, also when it no longer does', async (t) => {
  const { root, land } = await pinned(t);
  await pin(root, 'staging', second);
  await land('staging has what dev may have had');
  await spoil(root, overlayOf('staging'), /digest: \S+/, 'newTag: main');
  await pin(root, 'prod', third);
  const finding = await unpromoted(root, 'prod', third, 'staging');
  // Now it follows one, and with the change: until it is on the default branch, it did not.
  assert.deepEqual(await found(root), [finding]);
  await pin(root, 'prod', first);
  await land('staging follows main');
  await pin(root, 'prod', third);
  assert.deepEqual(await found(root), []);
  await pin(root, 'staging', third);
  assert.deepEqual(await found(root), []);
  await land('both have the third');
  assert.deepEqual(await found(root), []);
});

test('an image that a base pins goes through the environments one after the other too', async (t) => {
  const { root, land } = await pinned(t);
  const base = 'base/edge/deployment.yaml';
  await spoil(root, base, /haproxy:\S+/, `haproxy@${first}`);
  await land('the edge is pinned');
  assert.deepEqual(await found(root), []);
  await spoil(root, base, first, second);
  const line = await lineOf(root, base, 'image:');
  const held = (environment: string, before: string) =>
    `${base}:${line} ${environment} runs ${second.slice(0, 19)}, and ${before} never had it before: promote it there first`;
  assert.deepEqual((await found(root)).sort(), [held('prod', 'staging'), held('staging', 'dev')].sort());
});

test('where git knows nothing, nothing is found', async (t) => {
  const { root, git, land } = await pinned(t);
  const shallow = await mkdtemp(path.join(tmpdir(), 'quotes-shallow-'));
  t.after(() => rm(shallow, { recursive: true }));
  await pin(root, 'staging', second);
  await land('staging has the second');
  await pin(root, 'staging', third);
  await land('staging has the third');
  await git('switch', '--quiet', 'main');
  await execa('git', ['clone', '--quiet', '--depth=1', `file://${root}`, shallow]);
  await pin(shallow, 'prod', second);
  assert.deepEqual(await found(shallow), []);
  const none = await copy(t);
  await pin(none, 'prod', second);
  assert.deepEqual(await found(none), []);
});

test('an image is read as the runtime reads it', () => {
  const read = (image: string) => Object.values(readImage(image));
  assert.deepEqual(read('quote-app'), ['quote-app', '']);
  assert.deepEqual(read('localhost:5000/quote-app'), ['localhost:5000/quote-app', '']);
  assert.deepEqual(read('localhost:5000/quote-app:main'), ['localhost:5000/quote-app', '']);
  assert.deepEqual(read(`localhost:5000/quote-app:main@${first}`), ['localhost:5000/quote-app', first]);
});
