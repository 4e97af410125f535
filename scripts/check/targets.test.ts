import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { check } from './check.ts';
import { copy, spoil } from './spoilt-copy.ts';

test('a deployed folder below an overlay is an environment, and what several of them share is none', async (t) => {
  const root = await copy(t);
  const kustomization = (...resources: string[]) =>
    `apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [${resources.join(', ')}]\n`;
  for (const region of ['shared', 'eu', 'us']) {
    await mkdir(path.join(root, 'overlays/regions', region), { recursive: true });
  }
  await spoil(
    root,
    'overlays/regions/shared/pot.yaml',
    '',
    'apiVersion: v1\nkind: Pot\nmetadata: {name: x}\n',
  );
  await spoil(root, 'overlays/regions/shared/kustomization.yaml', '', kustomization('pot.yaml'));
  await spoil(root, 'overlays/regions/eu/kustomization.yaml', '', kustomization('../shared'));
  await spoil(root, 'overlays/regions/us/kustomization.yaml', '', kustomization('../shared'));
  const { report } = await check(root, [], () => {});
  assert.deepEqual(report.coverage.environments, ['dev', 'prod', 'regions/eu', 'regions/us', 'staging']);
  const unknown = report.findings.filter(({ rule }) => rule === 'unknown-kind');
  assert.deepEqual(
    unknown.map(({ environment, file }) => [environment, file]),
    ['regions/eu', 'regions/us'].map((environment) => [environment, 'overlays/regions/shared/pot.yaml']),
  );
  const one = await check(root, [path.join(root, 'overlays/regions/eu')], () => {});
  assert.deepEqual(one.report.coverage.environments, ['regions/eu']);
});

test('an overlay that only others build on is no environment, and one of both is', async (t) => {
  const root = await copy(t);
  const kustomization = (text: string) =>
    `apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n${text}`;
  await mkdir(path.join(root, 'overlays/shared'));
  await spoil(
    root,
    'overlays/shared/kustomization.yaml',
    '',
    kustomization('resources: [../../base/namespace]\n'),
  );
  for (const environment of ['staging', 'prod']) {
    await spoil(
      root,
      `overlays/${environment}/kustomization.yaml`,
      '  - ../../base/namespace\n',
      '  - ../shared\n',
    );
    await spoil(root, `apps/${environment}.yaml`, `/overlays/${environment};/base`, '/overlays;/base');
  }
  const { report } = await check(root, [], () => {});
  assert.deepEqual(report.findings, []);
  assert.deepEqual(report.coverage.environments, ['dev', 'prod', 'staging']);
  // What an Application deploys is an environment, whoever builds on it.
  await spoil(root, 'apps/dev.yaml', 'path: overlays/dev', 'path: overlays/shared');
  const other = await check(root, [], () => {});
  assert.ok(other.report.coverage.environments.includes('shared'));
});
