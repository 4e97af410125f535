import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inClusterRepository } from '../layout.ts';
import { behind, type SeenApplication } from './follow-up.ts';

test('an Application is asked again until it has compared itself with the pushed commit, and no other is', () => {
  const application = (name: string, revision?: string, repoURL = inClusterRepository): SeenApplication => ({
    metadata: { name },
    spec: { source: { repoURL } },
    status: revision === undefined ? {} : { sync: { revision } },
  });
  const applications = [
    application('seen', 'new'),
    application('dropped', 'old'),
    application('never-compared'),
    application('from-elsewhere', 'old', 'https://example.invalid/other.git'),
  ];
  assert.deepEqual(behind(applications, 'new'), ['dropped', 'never-compared']);
});
