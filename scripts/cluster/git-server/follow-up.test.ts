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

test('first only the Applications that the push concerns are asked again, and what is not as Git says', () => {
  const application = (name: string, folders?: string, status = 'Synced'): SeenApplication => ({
    metadata: {
      name,
      ...(folders && { annotations: { 'argocd.argoproj.io/manifest-generate-paths': folders } }),
    },
    spec: { source: { repoURL: inClusterRepository } },
    status: { sync: { revision: 'old', status } },
  });
  const applications = [
    application('dev', '/overlays/dev;/base'),
    application('prod', '/overlays/prod;/base'),
    application('frozen', '/overlays/staging', 'OutOfSync'),
    application('of-everything'),
    application('relative', '.;../base'),
  ];
  assert.deepEqual(behind(applications, 'new', ['overlays/dev/kustomization.yaml']), [
    'dev',
    'frozen',
    'of-everything',
    'relative',
  ]);
  assert.deepEqual(behind(applications, 'new', ['base/edge/haproxy.cfg']), [
    'dev',
    'prod',
    'frozen',
    'of-everything',
    'relative',
  ]);
  assert.equal(behind(applications, 'new').length, 5);
});
