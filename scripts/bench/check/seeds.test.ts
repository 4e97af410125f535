import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { check } from '../../check/check.ts';
import { isMap, type JsonMap, text } from '../../check/model.ts';
import { repoRoot } from '../../paths.ts';
import { cleanObjects } from './objects.ts';
import { randomFrom } from './random.ts';
import { ruleNames } from './rules.ts';
import { asYaml, objectName, seededObjects } from './seeds.ts';
import { agreement, beyond, verdictsOfCheck } from './verdicts.ts';

const nameOf = ({ kind, metadata }: JsonMap) =>
  objectName({ kind: text(kind), name: isMap(metadata) ? text(metadata.name) : '' });

/** The report of the real check on the objects. */
async function checked(t: TestContext, objects: JsonMap[]) {
  const scratch = await mkdtemp(path.join(tmpdir(), 'quotes-bench-test-'));
  t.after(() => rm(scratch, { recursive: true }));
  const file = path.join(scratch, 'objects.yaml');
  await writeFile(file, asYaml(objects));
  const { report } = await check(repoRoot, [file], () => {});
  return report;
}

test('the same seed gives the same objects, another one others', () => {
  const yaml = (seed: number) => asYaml(seededObjects(200, seed).objects);
  assert.equal(yaml(1), yaml(1));
  assert.notEqual(yaml(1), yaml(2));
});

test('there are as many objects as asked for, and no two of one name', () => {
  for (const count of [10, 11, 1000]) {
    const names = cleanObjects(count, randomFrom(1)).map(nameOf);
    assert.equal(names.length, count);
    assert.equal(new Set(names).size, count);
  }
});

test('each rule is broken by one object in a hundred, by one at least', () => {
  for (const [count, each] of [[10, 1] as const, [1000, 10] as const]) {
    const { broken } = seededObjects(count, 1);
    assert.deepEqual(
      [...broken].map(([rule, objects]) => [rule, objects.size]),
      ruleNames.map((rule) => [rule, each]),
    );
  }
});

test('only the objects that are said to be broken differ from clean ones', () => {
  const clean = cleanObjects(1000, randomFrom(1));
  const { objects, broken } = seededObjects(1000, 1);
  const differing = objects.filter((object, index) => asYaml([object]) !== asYaml([clean[index] ?? {}]));
  assert.deepEqual(
    differing.map(nameOf).sort(),
    [...new Set([...broken.values()].flatMap((names) => [...names]))].sort(),
  );
});

test('the check finds nothing in clean objects', async (t) => {
  const { findings, coverage } = await checked(t, cleanObjects(300, randomFrom(1)));
  assert.deepEqual(findings, []);
  assert.equal(coverage.validated, 300);
});

test('the check finds the seeded violations and nothing else', async (t) => {
  const { objects, broken } = seededObjects(300, 1);
  const verdicts = verdictsOfCheck(JSON.stringify(await checked(t, objects)));
  assert.deepEqual(beyond(verdicts), []);
  for (const [rule, found] of agreement(verdicts, ruleNames, broken)) {
    assert.deepEqual(found, { seeded: 3, missed: [], besides: [] }, rule);
  }
});
