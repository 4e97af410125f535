import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { repoRoot } from './paths.ts';
import { releasesIn, stageUpstream, upstreamManifests, upstreamUrl } from './upstream-manifests.ts';

for (const manifest of upstreamManifests) {
  const folder = path.join(repoRoot, manifest.folder);

  test(`${manifest.folder}/ installs the ${manifest.module} that go.mod pins, so both starts run the same`, async () => {
    const text = await readFile(path.join(folder, 'kustomization.yaml'), 'utf8');
    const urls = releasesIn(text).filter((release) => release.manifest === manifest);
    assert.deepEqual(
      urls.map(({ url }) => url),
      [await upstreamUrl(manifest)],
    );
  });

  test(`a staged ${manifest.folder}/ lists ${manifest.staged} in place of the URL`, async (t) => {
    const into = await mkdtemp(path.join(tmpdir(), 'quotes-upstream-'));
    t.after(() => rm(into, { recursive: true }));
    await stageUpstream(folder, into);
    const staged = await readFile(path.join(into, 'kustomization.yaml'), 'utf8');
    assert.deepEqual(releasesIn(staged), []);
    assert.match(staged, new RegExp(`^ +- ${manifest.staged}$`, 'm'));
    const text = await readFile(path.join(into, manifest.staged), 'utf8');
    assert.match(text, /^kind: CustomResourceDefinition$/m);
  });
}
