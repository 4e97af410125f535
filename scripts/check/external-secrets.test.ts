import assert from 'node:assert/strict';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { findKustomize } from './programs.ts';
import { renderTarget } from './render.ts';
import { copy, findingsOf, spoil } from './spoilt-copy.ts';
import { YamlFiles } from './yaml/yaml-files.ts';

const component = 'base/quote-app/external-secrets';
const secret = `${component}/postgres-credentials.yaml`;

/** A copy in which dev takes quote-app's login from a store. */
async function switchedOn(t: TestContext): Promise<string> {
  const root = await copy(t);
  const overlay = 'overlays/dev/kustomization.yaml';
  await spoil(root, overlay, 'components:\n', `components:\n  - ../../${component}\n`);
  return root;
}

test('the login from a store keeps every rule, in the namespace of the overlay that has it', async (t) => {
  const root = await switchedOn(t);
  assert.deepEqual(await findingsOf(root), []);
  const target = { role: 'environment', environment: 'dev', dir: path.join(root, 'overlays/dev') } as const;
  const { objects } = await renderTarget(await findKustomize(() => {}), target, new YamlFiles(root));
  const rendered = objects.find(({ id }) => id.kind === 'ExternalSecret');
  assert.equal(rendered?.id.namespace, 'dev');
});

test('it is checked while no overlay lists it', async (t) => {
  const root = await copy(t);
  await spoil(root, secret, 'secretKey: password', 'secretkey: password');
  const rules = (await findingsOf(root)).map(({ rule }) => rule);
  assert.deepEqual([...new Set(rules)].sort(), ['schema', 'unknown-field']);
});

test('where the keys stand in the store alone, what is declared is believed', async (t) => {
  const root = await switchedOn(t);
  await spoil(
    root,
    secret,
    / {2}data:\n[\s\S]*$/,
    '  dataFrom:\n    - extract:\n        key: postgres-credentials\n',
  );
  assert.deepEqual(await findingsOf(root), []);
});

const slips = [
  {
    what: 'a key that quote-app reads is not given',
    from: 'secretKey: password',
    to: 'secretKey: passwort',
    rule: 'config-reference',
    says: /Secret postgres-credentials has no key password/,
  },
  {
    what: 'the store is not there',
    from: '    name: quotes\n',
    to: '    name: quote\n',
    rule: 'dangling-reference',
    says: /there is no SecretStore quote$/,
  },
  {
    what: 'a field is misspelt',
    from: 'refreshInterval',
    to: 'refreshIntervall',
    rule: 'unknown-field',
    says: /refreshIntervall/,
  },
  {
    what: 'a template takes the place of what is read',
    from: '    creationPolicy: Orphan\n',
    to: '    creationPolicy: Orphan\n    template:\n      data:\n        uri: "{{ .username }}"\n        username: "{{ .username }}"\n',
    rule: 'config-reference',
    says: /Secret postgres-credentials has no key password/,
  },
];

for (const { what, from, to, rule, says } of slips) {
  test(`it is found when ${what}`, async (t) => {
    const root = await switchedOn(t);
    await spoil(root, secret, from, to);
    const found = (await findingsOf(root)).filter((finding) => finding.environment === 'dev');
    assert.ok(
      found.some((finding) => finding.rule === rule && says.test(finding.message)),
      JSON.stringify(found, null, 2),
    );
  });
}
