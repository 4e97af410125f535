import assert from 'node:assert/strict';
import { test } from 'node:test';
import { environments } from '../../environment.ts';
import { repoRoot } from '../../paths.ts';
import { check } from '../check.ts';
import { copy, findingsOf, spoil } from '../spoilt-copy.ts';

const file = 'policies/environments.yaml';

test('the commands know the environments in the order that policies/ says', async (t) => {
  const { report } = await check(repoRoot, [], () => {});
  assert.deepEqual([...environments].sort(), report.coverage.environments);
  const root = await copy(t);
  await spoil(root, file, environments.join(', '), environments.toReversed().join(', '));
  const rules = new Set((await findingsOf(root)).map(({ rule }) => rule));
  assert.deepEqual(
    rules,
    new Set(['environment-parameters', 'environment-replicas', 'environment-safeguards']),
  );
});

test('an order that is missing, or that does not fit the environments, is found where it stands', async (t) => {
  const changed = async (from: string | RegExp, to: string) => {
    const root = await copy(t);
    await spoil(root, file, from, to);
    return (await findingsOf(root)).map(({ rule, file: at, line, message }) => [rule, at, line, message]);
  };
  assert.deepEqual(await changed('dev, staging, prod', 'dev, stage, prod'), [
    ['environment-order', file, 10, 'stage is in quotes.check/environments, and no environment is called so'],
    [
      'environment-order',
      file,
      10,
      'staging is not in quotes.check/environments, so it is compared with no other environment',
    ],
  ]);
  const [missing, ...more] = await changed(/ {4}quotes.check\/environments: .*\n/, '');
  assert.deepEqual(missing?.slice(0, 3), ['environment-order', 'policies/kustomization.yaml', 2]);
  assert.deepEqual(more, []);
});
