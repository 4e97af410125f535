import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { argocdModule, releaseVersions, stageArgocd, stagedInstall } from './argocd-manifest.ts';
import { repoRoot } from './paths.ts';
import { pinnedVersion } from './tools/go-modules.ts';

const argocd = path.join(repoRoot, 'argocd');

test('argocd/ installs the version that scripts/tools/cluster/go.mod pins, so both starts run the same Argo CD', async () => {
  const text = await readFile(path.join(argocd, 'kustomization.yaml'), 'utf8');
  assert.deepEqual(releaseVersions(text), [await pinnedVersion('cluster', argocdModule)]);
});

test("a staged argocd/ lists the pinned module's manifest in place of the URL", async (t) => {
  const into = await mkdtemp(path.join(tmpdir(), 'quotes-argocd-'));
  t.after(() => rm(into, { recursive: true }));
  await stageArgocd(argocd, into);
  const staged = await readFile(path.join(into, 'kustomization.yaml'), 'utf8');
  assert.deepEqual(releaseVersions(staged), []);
  assert.match(staged, new RegExp(`^ +- ${stagedInstall}$`, 'm'));
  assert.match(await readFile(path.join(into, stagedInstall), 'utf8'), /^kind: CustomResourceDefinition$/m);
});
