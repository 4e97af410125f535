import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { repoRoot } from '../paths.ts';
import { policyViolations } from './admission/gate.ts';
import { type Policy, readPolicies } from './admission/policy.ts';
import type { Resources } from './admission/resources.ts';
import { allRules } from './catalogue.ts';
import { examplesOf, exampleTarget, exampleTargets, renderExample } from './examples.ts';
import { declaredOrder } from './graph/order.ts';
import { readRepository } from './graph/repository.ts';
import { graphRules, graphViolations } from './graph/rules.ts';
import { findKustomize } from './programs.ts';
import { type Render, renderKustomization } from './render.ts';
import { servedKinds } from './schemas/served-kinds.ts';
import { schemaStore } from './schemas/store.ts';
import { structureRules } from './structure-rules.ts';
import { policiesTarget } from './targets.ts';
import { YamlFiles } from './yaml/yaml-files.ts';

let scratch: string;
let kustomize: string;
let policies: Policy[];
let resources: Resources;
let example: { namespace: Render; applications: Render };
let policyRender: Render;

before(async () => {
  scratch = await mkdtemp(path.join(tmpdir(), 'quotes-examples-'));
  kustomize = await findKustomize(() => {});
  resources = (await servedKinds(await schemaStore())).resources;
  const folder = path.join(scratch, 'policies');
  policyRender = await renderKustomization(kustomize, policiesTarget(repoRoot), folder, new YamlFiles());
  const read = readPolicies(policyRender.objects);
  assert.deepEqual(read.refusals, []);
  policies = read.policies;
  const { namespace, applications } = exampleTargets(repoRoot);
  example = {
    namespace: await renderExample(namespace, kustomize, scratch),
    applications: await renderExample(applications, kustomize, scratch),
  };
});

after(() => rm(scratch, { recursive: true }));

/** The rules of both kinds that renders break, and the messages of the graph rules. */
async function broken(renders: Render[], whole: boolean): Promise<{ rules: string[]; messages: string[] }> {
  const objects = renders.flatMap((render) => render.objects);
  const all = [...renders, policyRender];
  const order = declaredOrder(policyRender.objects);
  const repository = await readRepository(repoRoot, whole, all, resources, policies, new YamlFiles(), order);
  const found = graphViolations(repository);
  const judged = policyViolations(objects, policies, resources).violations;
  return {
    rules: [...new Set([...judged.map(({ policy }) => policy.rule.id), ...found.map(({ rule }) => rule)])],
    messages: found.map(({ violation }) => violation.message),
  };
}

/** An environment's render under another name, in a folder that nothing deploys. */
function inEnvironment({ objects }: Render, environment: string): Render {
  const target = { role: 'environment', environment, dir: path.join(repoRoot, environment) } as const;
  return { target, objects: objects.map((object) => ({ ...object, target })) };
}

async function patched(rule: string, patch: string): Promise<{ rules: string[]; messages: string[] }> {
  const target = exampleTarget(repoRoot, patch);
  const render = await renderExample(target, kustomize, scratch, patch);
  if (graphRules.some(({ id, group }) => id === rule && group === 'environments')) {
    return broken([inEnvironment(example.namespace, 'staging'), inEnvironment(render, 'prod')], false);
  }
  const { namespace, applications } = example;
  return broken(target.role === 'apps' ? [namespace, render] : [render, applications], true);
}

const folders = await readdir(path.join(repoRoot, 'policies'), { withFileTypes: true });
const named = folders.filter((entry) => entry.isDirectory() && !['example', 'exempted'].includes(entry.name));
// source-examples.test.ts has those of the rules on sources: they are files, not patches.
const rules = named.filter(({ name }) => !structureRules.some(({ id }) => id === name));

test('policies/example keeps every rule', async () => {
  assert.deepEqual(await broken([example.namespace, example.applications], true), {
    rules: [],
    messages: [],
  });
});

for (const { name: rule } of rules) {
  test(`${rule} lets its valid examples through, and its invalid ones break it and no other rule`, async () => {
    const examples = await examplesOf(repoRoot, rule);
    assert.deepEqual(new Set(examples.map(({ kind }) => kind)), new Set(['valid', 'invalid']));
    for (const { kind, patch } of examples) {
      const found = await patched(rule, patch);
      assert.deepEqual(found.rules, kind === 'valid' ? [] : [rule], `${patch}\n${found.messages.join('\n')}`);
    }
  });
}

test('every rule has a folder of its name, with its examples', () => {
  const ids = allRules(policies).map(({ id }) => id);
  assert.deepEqual(ids.sort(), named.map(({ name }) => name).sort());
});
