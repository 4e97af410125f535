import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import {
  agreement,
  type Verdict,
  verdictsOfCheck,
  verdictsOfConftest,
  verdictsOfKubeconform,
  verdictsOfKubeScore,
  verdictsOfKyverno,
} from './verdicts.ts';

/** What is wrong in the ten objects that the fixtures were recorded with: each tool's output as it was. */
const wrong = [
  'capabilities Deployment/app-0',
  'duplicate-env Deployment/app-0',
  'ephemeral-storage Deployment/app-1',
  'image-tag Deployment/app-1',
  'liveness-probe Deployment/app-0',
  'privilege-escalation Deployment/app-1',
  'read-only-root Deployment/app-0',
  'readiness-probe Deployment/app-0',
  'resources Deployment/app-0',
  'run-as-non-root Deployment/app-1',
  'service-type Service/app-0',
  'unknown-field Deployment/app-1',
];

async function verdicts(fixture: string, read: (output: string) => Verdict[]): Promise<string[]> {
  const output = await readFile(path.join(import.meta.dirname, 'fixtures', fixture), 'utf8');
  return read(output)
    .map(({ rule, object }) => `${rule} ${object}`)
    .sort();
}

const without = (...rules: string[]) => wrong.filter((line) => !rules.some((rule) => line.startsWith(rule)));

test('the verdicts of the check are told apart where one of its rules says several things', async () => {
  assert.deepEqual(await verdicts('check.json', verdictsOfCheck), wrong);
});

test('the verdict of kubeconform is the unknown field', async () => {
  assert.deepEqual(await verdicts('kubeconform.json', verdictsOfKubeconform), [
    'unknown-field Deployment/app-1',
  ]);
});

test('the verdicts of conftest are those of our rego', async () => {
  assert.deepEqual(await verdicts('conftest.json', verdictsOfConftest), without('unknown-field'));
});

test('the verdicts of kube-score leave out a liveness probe where a readiness probe is missing too', async () => {
  assert.deepEqual(
    await verdicts('kube-score.json', verdictsOfKubeScore),
    without('capabilities', 'liveness-probe', 'privilege-escalation', 'run-as-non-root', 'unknown-field'),
  );
});

test('the verdicts of Kyverno are those of our policies', async () => {
  assert.deepEqual(await verdicts('kyverno.txt', verdictsOfKyverno), without('unknown-field'));
});

test('what a tool misses and what it names besides are told apart', () => {
  const named = [
    { rule: 'image-tag', object: 'Deployment/a' },
    { rule: 'image-tag', object: 'Deployment/a' },
    { rule: 'image-tag', object: 'Deployment/c' },
    { rule: 'resources', object: 'Deployment/b' },
  ];
  const broken = new Map([['image-tag' as const, new Set(['Deployment/a', 'Deployment/b'])]]);
  assert.deepEqual(
    [...agreement(named, ['image-tag'], broken)],
    [['image-tag', { seeded: 2, missed: ['Deployment/b'], besides: ['Deployment/c'] }]],
  );
});
