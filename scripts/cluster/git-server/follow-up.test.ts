import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inClusterRepository } from '../layout.ts';
import { behind, type SeenApplication } from './follow-up.ts';

test('an Application is asked again until it has seen the pushed commit and is as that says, and no other is', () => {
  const application = (name: string, revision?: string, repoURL = inClusterRepository): SeenApplication => ({
    metadata: { name },
    spec: { source: { repoURL } },
    status: revision === undefined ? {} : { sync: { revision } },
  });
  // As while its project did not let it sync: that a later push lets it, nobody tells it.
  const frozen = application('frozen', 'new');
  frozen.status = { sync: { revision: 'new', status: 'OutOfSync' } };
  const applications = [
    application('seen', 'new'),
    frozen,
    application('dropped', 'old'),
    application('never-compared'),
    application('from-elsewhere', 'old', 'https://example.invalid/other.git'),
  ];
  assert.deepEqual(behind(applications, 'new'), ['frozen', 'dropped', 'never-compared']);
});
