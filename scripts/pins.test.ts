import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { glob, readFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { repoRoot } from './paths.ts';

const read = (file: string) => readFile(path.join(repoRoot, file), 'utf8');
const files = async (pattern: string) =>
  (await Array.fromAsync(glob(pattern, { cwd: repoRoot, exclude: ['**/node_modules'] }))).sort();

type Manifest = Partial<Record<(typeof dependencyKinds)[number], Record<string, string>>>;
const dependencyKinds = ['dependencies', 'devDependencies', 'optionalDependencies'] as const;

test('every npm package is asked for by one version, and locked by the hash of what it is', async () => {
  for (const file of ['package.json', 'service/package.json']) {
    const manifest = JSON.parse(await read(file)) as Manifest;
    for (const [name, version] of dependencyKinds.flatMap((kind) => Object.entries(manifest[kind] ?? {}))) {
      assert.match(version, /^\d+\.\d+\.\d+(-[\w.]+)?$/, `${file}: ${name}`);
    }
  }
  const { packages } = JSON.parse(await read('package-lock.json')) as {
    packages: Record<string, { link?: boolean; integrity?: string }>;
  };
  const installed = Object.entries(packages).filter(
    ([folder, { link }]) => folder.includes('node_modules/') && link !== true,
  );
  assert.ok(installed.length > 100);
  for (const [folder, { integrity }] of installed) {
    assert.match(integrity ?? '', /^sha512-/, folder);
  }
});

test('every Go module is required by one version, summed in go.sum, and replaced by no folder of the machine', async () => {
  const modules = await files('scripts/tools/*/go.mod');
  assert.ok(modules.length > 5);
  for (const file of modules) {
    const text = await read(file);
    const required = [...text.matchAll(/^(?:require\s+|\t)(\S+\.\S+\/\S+) (v\S+)/gm)];
    const sums = existsSync(path.join(repoRoot, file.replace(/mod$/, 'sum')))
      ? await read(file.replace(/mod$/, 'sum'))
      : '';
    for (const [, module = '', version = ''] of required) {
      const by = new RegExp(`^\\t?(?:replace )?${RegExp.escape(module)} => (\\S+) (v\\S+)$`, 'm').exec(text);
      const line = by === null ? `${module} ${version}` : `${by[1]} ${by[2]}`;
      assert.ok(sums.includes(`${line}/go.mod h1:`) || sums.includes(`${line} h1:`), `${file}: ${line}`);
    }
    assert.doesNotMatch(text, /=>\s+[./]/, file);
  }
});

test('every image that a Dockerfile begins from says its registry and a tag that is no moving one', async () => {
  const dockerfiles = await files('**/Dockerfile');
  assert.ok(dockerfiles.length > 5);
  for (const file of dockerfiles) {
    const text = await read(file);
    const stages = new Set([...text.matchAll(/^FROM \S+ AS (\S+)/gim)].map(([, stage]) => stage));
    for (const [, image = ''] of text.matchAll(/^FROM (\S+)/gim)) {
      if (image !== 'scratch' && !stages.has(image)) {
        assert.match(image, /^[\w-]+(\.[\w-]+)+\/[\w./-]+:(?!latest)[\w.-]+$/, `${file}: ${image}`);
      }
    }
  }
});
