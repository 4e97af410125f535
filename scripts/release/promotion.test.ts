import assert from 'node:assert/strict';
import { test } from 'node:test';
import { commitFiles } from './commit.ts';
import { proposePromotion, proposeRollback } from './promotion.ts';
import { requirePushed } from './running.ts';
import { scratchRepository } from './scratch-repository.ts';
import { versionsOf } from './versions.ts';

const digest = (letter: string) => `sha256:${letter.repeat(64)}`;
const kustomization = (image: string) =>
  `# ours\nresources:\n  - ../../base # all\nimages:\n  - name: quote-app # the service\n    ${image}\n`;
const release = (revision: string, more = '') =>
  `apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: quote-app\n  annotations:\n    org.opencontainers.image.revision: "${revision}"\n${more}`;
const tree = (environment: string, image: string, revision = 'none', more = '') => ({
  [`overlays/${environment}/kustomization.yaml`]: kustomization(image),
  [`overlays/${environment}/release.yaml`]: release(revision, more),
});
const start = {
  ...tree('dev', `digest: ${digest('a')}`, 'aaaaaaa'),
  ...tree('staging', 'newTag: main'),
  ...tree('prod', `digest: ${digest('0')}`, '0000000'),
};

test('a promotion moves the digest and the file of the version, and nothing else', async (t) => {
  const { root, git, commit } = await scratchRepository(t, start);
  await commit('two', tree('dev', `digest: ${digest('b')}`, 'bbbbbbb', 'spec: {minReadySeconds: 1}\n'));
  const { proposal, digest: moved, revision } = await proposePromotion(root, 'dev', 'staging');
  assert.deepEqual([moved, revision], [digest('b'), 'bbbbbbb']);
  assert.deepEqual(
    proposal?.files,
    tree('staging', `digest: ${digest('b')}`, 'bbbbbbb', 'spec: {minReadySeconds: 1}\n'),
  );
  assert.match(
    proposal?.message ?? '',
    /^Promote quote-app bbbbbbb to staging\n\nImage: quote-app@sha256:b+\nPromoted-From: dev at /,
  );
  const made = await commitFiles(root, proposal);
  assert.equal(
    await git('show', '--format=', '--name-only', made),
    'overlays/staging/kustomization.yaml\noverlays/staging/release.yaml',
  );
  assert.equal((await proposePromotion(root, 'dev', 'staging')).proposal, undefined);
});

test('a version goes on to the next environment alone, and only where there is one', async (t) => {
  const { root } = await scratchRepository(t, start);
  await assert.rejects(proposePromotion(root, 'dev', 'prod'), {
    message: 'From dev a version goes to staging, not to prod: "npm run promote -- dev staging".',
  });
  await assert.rejects(proposePromotion(root, 'prod', 'dev'), { message: /^prod is the last environment/ });
  await assert.rejects(proposePromotion(root, 'staging', 'prod'), {
    message: /^staging follows the tag "main", which is no version/,
  });
});

test('what is not committed is not promoted, and what was never pushed was never run', async (t) => {
  const { root, write, git, commit } = await scratchRepository(t, start);
  await write(tree('dev', `digest: ${digest('c')}`, 'ccccccc'));
  assert.equal((await proposePromotion(root, 'dev', 'staging')).digest, digest('a'));
  const { pinned } = await proposePromotion(root, 'dev', 'staging');
  assert.match((await requirePushed(root, 'dev', pinned.commit)).said, /is in origin\/main/);
  await git('restore', '.');
  await commit('two', tree('dev', `digest: ${digest('b')}`, 'bbbbbbb'));
  const unpushed = await proposePromotion(root, 'dev', 'staging');
  await assert.rejects(requirePushed(root, 'dev', unpushed.pinned.commit), {
    message: /^dev never ran what [0-9a-f]{10} pins there: no remote's main has that commit/,
  });
});

test('the versions of an environment are told from its history, the last first, each as often as it came', async (t) => {
  const { root, commit } = await scratchRepository(t, start);
  await commit('b', tree('prod', `digest: ${digest('b')}`, 'bbbbbbb'));
  await commit('replicas', {
    'overlays/prod/kustomization.yaml': `${kustomization(`digest: ${digest('b')}`)}# more\n`,
  });
  await commit('back', tree('prod', `digest: ${digest('0')}`, '0000000'));
  await commit('tag', tree('prod', 'newTag: main'));
  const versions = await versionsOf(root, 'prod');
  assert.deepEqual(
    versions.map(({ digest, revision, subject, author }) => [digest.slice(7, 8), revision, subject, author]),
    [
      ['0', '0000000', 'back', 'Ada'],
      ['b', 'bbbbbbb', 'b', 'Ada'],
      ['0', '0000000', 'first', 'Ada'],
    ],
  );
});

test('a rollback takes the digest and the file of the version back, and changes made since then stay', async (t) => {
  const { root, commit } = await scratchRepository(t, start);
  const scaled = `${kustomization(`digest: ${digest('b')}`)}replicas: [{name: quote-app, count: 5}]\n`;
  await commit('b', { ...tree('prod', '', 'bbbbbbb'), 'overlays/prod/kustomization.yaml': scaled });
  const [, before] = await versionsOf(root, 'prod');
  assert.ok(before);
  const { proposal } = await proposeRollback(root, 'prod', before, before.commit);
  assert.deepEqual(proposal?.files, {
    'overlays/prod/kustomization.yaml': scaled.replace(digest('b'), digest('0')),
    'overlays/prod/release.yaml': release('0000000'),
  });
  assert.match(proposal?.message ?? '', /^Roll prod back to quote-app 0000000\n/);
});

test('back at a version of before there was a file for it, the file says no revision that is not true', async (t) => {
  const { root, git, commit } = await scratchRepository(t, start);
  await git('rm', '--quiet', 'overlays/prod/release.yaml');
  const bare = await commit('bare', {
    'overlays/prod/kustomization.yaml': kustomization(`digest: ${digest('c')}`),
  });
  await commit('b', tree('prod', `digest: ${digest('b')}`, 'bbbbbbb'));
  const before = (await versionsOf(root, 'prod')).find((version) => version.commit === bare);
  assert.ok(before);
  const { proposal } = await proposeRollback(root, 'prod', before, before.commit);
  assert.equal(proposal?.files['overlays/prod/release.yaml'], release('none'));
});
