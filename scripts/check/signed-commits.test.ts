import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { valueAt } from './model.ts';
import { findKustomize } from './programs.ts';
import { renderTarget } from './render.ts';
import { copy, findingsOf, spoil } from './spoilt-copy.ts';
import { YamlFiles } from './yaml/yaml-files.ts';

test('where signed-commits is listed every project asks for signatures, back to a seal, and no rule is broken', async (t) => {
  const root = await copy(t);
  const key = '4AEE18F83AFDEB23';
  await spoil(root, 'apps/kustomization.yaml', 'components:\n', 'components:\n  - signed-commits\n');
  await spoil(root, 'apps/root/kustomization.yaml', 'components:\n', 'components:\n  - ../signed-commits\n');
  await spoil(root, 'apps/signed-commits/only-signed.yaml', 'keys: []', `keys: [${key}]`);
  assert.deepEqual(await findingsOf(root), []);
  const kustomize = await findKustomize(() => {});
  const objects = await Promise.all(
    ['apps', 'apps/root'].map(async (folder) => {
      const target = { role: 'apps', environment: '', dir: path.join(root, folder) } as const;
      return (await renderTarget(kustomize, target, new YamlFiles(root))).objects;
    }),
  );
  const projects = objects.flat().filter(({ id }) => id.kind === 'AppProject');
  assert.deepEqual(projects.map(({ id }) => id.name).sort(), [
    'cloudnative-pg',
    'dev',
    'policies',
    'prod',
    'root',
    'staging',
  ]);
  for (const { value } of projects) {
    assert.deepEqual(valueAt(value, ['spec', 'sourceIntegrity', 'git', 'policies']), [
      { repos: [{ url: '*' }], gpg: { mode: 'strict', keys: [key] } },
    ]);
  }
});
