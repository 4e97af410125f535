import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { before, type TestContext, test } from 'node:test';
import { repoRoot } from '../../paths.ts';
import type { RenderedObject } from '../model.ts';
import { findPrograms } from '../programs.ts';
import { renderKustomization } from '../render.ts';
import { schemaStore, storedResources } from '../schemas/store.ts';
import { policiesTarget } from '../targets.ts';
import { YamlFiles } from '../yaml/yaml-files.ts';
import { examplesOf, renderExample } from './examples.ts';
import { policyViolations } from './gate.ts';
import { type Policy, readPolicies } from './policy.ts';
import type { Resources } from './resources.ts';

let kustomize: string;
let policies: Policy[];
let resources: Resources;

async function scratchFolder(t: Pick<TestContext, 'after'>): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'quotes-examples-'));
  t.after(() => rm(folder, { recursive: true }));
  return folder;
}

before(async () => {
  kustomize = (await findPrograms(() => {})).kustomize;
  resources = await storedResources(await schemaStore());
  const scratch = await mkdtemp(path.join(tmpdir(), 'quotes-examples-'));
  const { objects } = await renderKustomization(
    kustomize,
    policiesTarget(repoRoot),
    scratch,
    new YamlFiles(),
  );
  await rm(scratch, { recursive: true });
  const read = readPolicies(objects);
  assert.deepEqual(read.refusals, []);
  policies = read.policies;
});

const rulesBroken = (objects: RenderedObject[]): string[] => [
  ...new Set(policyViolations(objects, policies, resources).violations.map(({ policy }) => policy.rule.id)),
];

const folders = await readdir(path.join(repoRoot, 'policies'), { withFileTypes: true });
const rules = folders.filter((entry) => entry.isDirectory() && !['example', 'exempted'].includes(entry.name));

test('policies/example keeps every rule', async (t) => {
  assert.deepEqual(rulesBroken(await renderExample(repoRoot, kustomize, await scratchFolder(t))), []);
});

for (const { name: rule } of rules) {
  test(`${rule} lets its valid examples through, and its invalid ones break it and no other rule`, async (t) => {
    assert.ok(
      policies.some((policy) => policy.rule.id === rule),
      `no policy is named ${rule}`,
    );
    const examples = await examplesOf(repoRoot, rule);
    assert.deepEqual(new Set(examples.map(({ kind }) => kind)), new Set(['valid', 'invalid']));
    for (const { kind, patch } of examples) {
      const objects = await renderExample(repoRoot, kustomize, await scratchFolder(t), patch);
      assert.deepEqual(rulesBroken(objects), kind === 'valid' ? [] : [rule], patch);
    }
  });
}

test('every policy has a folder of its name, with its examples', () => {
  assert.deepEqual(policies.map(({ rule }) => rule.id).sort(), rules.map(({ name }) => name).sort());
});
