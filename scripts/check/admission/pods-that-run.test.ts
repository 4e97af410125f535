import assert from 'node:assert/strict';
import { glob, readFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';
import { repoRoot } from '../../paths.ts';

interface Policy {
  spec: {
    matchConstraints: { resourceRules: { resources: string[]; operations: string[] }[] };
    matchConditions?: { name: string }[];
  };
}

// An operator that may not write "primary" on a pod cannot end a failover: seen when `resources` became stricter than
// the pods that ran.
test('no policy stops what is written about a pod that runs: it judges what is created, or changed in its spec', async () => {
  const policies = path.join(repoRoot, 'policies');
  const stopping: string[] = [];
  for await (const file of glob('*/policy.yaml', { cwd: policies })) {
    const { spec }: Policy = parse(await readFile(path.join(policies, file), 'utf8'));
    const updates = spec.matchConstraints.resourceRules.some(
      ({ resources, operations }) =>
        resources.includes('pods') && !operations.every((name) => name === 'CREATE'),
    );
    if (updates && !spec.matchConditions?.some(({ name }) => name === 'not-only-metadata')) {
      stopping.push(file);
    }
  }
  assert.deepEqual(stopping, []);
});
