import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { check } from '../check.ts';
import { writeGenerated } from '../generated.ts';
import { copy, spoil } from '../spoilt-copy.ts';

const environmentsFile = 'policies/environments.yaml';
const quoteApp = 'base/quote-app/deployment.yaml';

const found = async (root: string) => {
  const { report } = await check(root, [], () => {});
  return report.findings.map(
    ({ rule, severity, environment, message }) => `${severity} ${rule} ${environment}: ${message}`,
  );
};

test('what breaks a policy is warned of in dev and refused elsewhere, in the same words', async (t) => {
  const root = await copy(t);
  await spoil(root, quoteApp, / +readinessProbe:\n(?: {12,}.*\n)+/, '');
  assert.deepEqual(await found(root), [
    'warning probes dev: no readinessProbe: quote-app',
    'error probes prod: no readinessProbe: quote-app',
    'error probes staging: no readinessProbe: quote-app',
  ]);
});

test('an exempted object is warned of in dev where it is not exempted there', async (t) => {
  const root = await copy(t);
  const copies = () => readFile(path.join(root, 'policies/exempted/warned.yaml'), 'utf8');
  assert.match(await copies(), /name: node-local-storage\.cluster\.postgres\.warned\n/);
  await spoil(root, 'policies/exemptions.yaml', '\n    environment: prod', '\n    environment: dev');
  await writeGenerated(root, () => {});
  assert.doesNotMatch(await copies(), /name: node-local-storage\.cluster\.postgres\.warned\n/);
});

test('with no environment warned every one is refused, and nothing is left of the copies', async (t) => {
  const root = await copy(t);
  await spoil(root, environmentsFile, / +quotes.check\/warned: .*\n/, '');
  assert.deepEqual(
    new Set((await found(root)).map((finding) => finding.split(' ')[1])),
    new Set(['exemption-stale']),
  );
  await writeGenerated(root, () => {});
  await spoil(root, quoteApp, / +readinessProbe:\n(?: {12,}.*\n)+/, '');
  assert.deepEqual(
    (await found(root)).map((finding) => finding.split(' ').slice(0, 3).join(' ')),
    ['error probes dev:', 'error probes prod:', 'error probes staging:'],
  );
});

test('an environment that is warned and not there is found, and so is a namespace that two share', async (t) => {
  const said = async (root: string) =>
    (await found(root)).filter((finding) => finding.includes('environment-order'));
  const absent = await copy(t);
  await spoil(absent, environmentsFile, 'quotes.check/warned: dev', 'quotes.check/warned: devel');
  await writeGenerated(absent, () => {});
  assert.deepEqual(await said(absent), [
    'error environment-order : devel is in quotes.check/warned, and no environment is called so',
  ]);
  const shared = await copy(t);
  await spoil(shared, 'overlays/staging/kustomization.yaml', 'namespace: staging', 'namespace: dev');
  assert.deepEqual(await said(shared), [
    'error environment-order : the cluster cannot only warn in dev: staging is in namespace dev too',
  ]);
});

test('an environment may not be only warned where the one before it is refused', async (t) => {
  const root = await copy(t);
  await spoil(root, environmentsFile, 'quotes.check/warned: dev', 'quotes.check/warned: prod');
  await writeGenerated(root, () => {});
  const safeguards = (await found(root)).filter((finding) => finding.includes('environment-safeguards'));
  assert.equal(safeguards.length, 1, String(safeguards));
  assert.match(safeguards[0] ?? '', /prod: \d+ policies that deny in staging do not hold here/);
});
