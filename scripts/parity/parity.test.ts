import assert from 'node:assert/strict';
import { appendFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { copy, lineOf, spoil } from '../check/spoilt-copy.ts';
import { CannotRun } from '../cli.ts';
import { repoRoot } from '../paths.ts';
import { markdown } from './markdown.ts';
import { at, found, overlay, requested, row, unintended } from './rows.ts';
import { terminal } from './terminal.ts';

test('in this repository an overlay says every difference', async () => {
  const all = await found(repoRoot);
  assert.deepEqual(unintended(all), []);
  assert.deepEqual(
    all.environments,
    ['dev', 'staging', 'prod'].map((name) => ({ name, namespace: name })),
  );
  const replicas = row(all, 'Deployment', 'quote-app', 'spec.replicas');
  assert.equal(replicas.intended, true);
  const prod = await lineOf(repoRoot, overlay('prod'), 'count: 3');
  assert.deepEqual(replicas, { ...replicas, prod: `*3 ${overlay('prod')}:${prod}` });
  // Who lists a base says what is in it.
  assert.deepEqual(row(all, 'Cluster', 'postgres', ''), {
    intended: true,
    dev: '-',
    staging: '-',
    prod: `*"there" ${await at(repoRoot, overlay('prod'), '- ../../base/postgres-ha')}`,
  });
  // Called prod in prod: matched by what remains, and no row for its name, nor for those that refer to it.
  assert.equal(row(all, 'PriorityClass', '{environment}', 'value').intended, true);
  assert.ok(
    all.differences.every(({ path: field }) => !/priorityClassName|namespace|^metadata\.name/.test(field)),
  );
});

test('a field is told from one list item to the same one of another environment', async (t) => {
  const root = await copy(t);
  await appendFile(
    path.join(root, 'overlays/prod/postgres.yaml'),
    `---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: quote-app
spec:
  template:
    spec:
      containers:
        - name: before
          image: quote-app
          ports: [{containerPort: 1}]
        - name: quote-app
          resources:
            requests:
              memory: 128Mi
          env:
            - name: PGDATABASE
              $patch: delete
`,
  );
  const all = await found(root);
  assert.deepEqual(unintended(all), []);
  const base = await at(root, 'base/quote-app/deployment.yaml', 'memory: 96Mi');
  assert.deepEqual(row(all, 'Deployment', 'quote-app', requested), {
    intended: true,
    dev: `"96Mi" ${base}`,
    staging: `"96Mi" ${base}`,
    prod: `*"128Mi" ${await at(root, 'overlays/prod/postgres.yaml', 'memory: 128Mi')}`,
  });
  const removed = row(
    all,
    'Deployment',
    'quote-app',
    'spec.template.spec.containers[quote-app].env[PGDATABASE].value',
  );
  assert.equal(
    Object.entries(removed).at(-1)?.join(' '),
    `prod *- ${await at(root, 'overlays/prod/postgres.yaml', '- name: PGDATABASE')}`,
  );
  // A whole part that only one has is one row.
  const fields = all.differences
    .map(({ path: field }) => field)
    .filter((field) => field.includes('[before]'));
  assert.deepEqual(fields, ['spec.template.spec.containers[before]']);
});

test('a JSON patch of an overlay says what it appends to a list, and what it takes out', async (t) => {
  const root = await copy(t);
  await appendFile(
    path.join(root, overlay('dev')),
    `  - target: {kind: Deployment, name: quote-app}
    patch: |-
      - op: remove
        path: /spec/template/spec/containers/0/env/1
      - op: add
        path: /spec/template/spec/containers/0/securityContext/capabilities/drop/-
        value: KILL
`,
  );
  const all = await found(root);
  assert.deepEqual(unintended(all), []);
  const field = 'spec.template.spec.containers[quote-app]';
  const [dropped, left] = [
    'securityContext.capabilities.drop',
    'env[POD_NAME].valueFrom.fieldRef.fieldPath',
  ].map((rest) => row(all, 'Deployment', 'quote-app', `${field}.${rest}`));
  assert.match(
    JSON.stringify(dropped),
    /"dev":"\*\[\\"ALL\\",\\"KILL\\"\] overlays\/dev\/kustomization\.yaml:\d+"/,
  );
  assert.match(JSON.stringify(left), /"dev":"\*- overlays\/dev\/kustomization\.yaml:\d+"/);
});

test('repositories of other shapes are explained by their overlays, and names with an overlay’s affixes are matched', async () => {
  const shapes = path.join(repoRoot, 'scripts/check/shapes');
  for (const shape of ['features', 'generators', 'teams']) {
    assert.deepEqual(unintended(await found(path.join(shapes, shape))), [], shape);
  }
  const all = await found(path.join(shapes, 'generators'));
  assert.deepEqual(row(all, 'ConfigMap', 'press-printer-settings', 'metadata.name'), {
    intended: true,
    dev: '"press-printer-settings" base/press/kustomization.yaml:4',
    prod: '"press-printer-settings" base/press/kustomization.yaml:4',
    staging: '*"press-printer-settings-v2" overlays/staging/kustomization.yaml:4',
  });
});

test('no secret is in a report, of a Secret or elsewhere, though its key is', async (t) => {
  const root = await copy(t);
  for (const environment of ['dev', 'staging', 'prod']) {
    const url = `postgres://reader:hush-${environment}@postgres-rw/quotes`;
    const inConfigMap = `configMapGenerator:\n  - name: where\n    literals: [url=${url}]\n`;
    await appendFile(path.join(root, overlay(environment)), inConfigMap);
    const secret = `secretGenerator:\n  - name: login\n    literals: [password=hush-${environment}, ${environment}=hush]\n`;
    await appendFile(path.join(root, overlay(environment)), secret);
  }
  const all = await found(root);
  assert.deepEqual(unintended(all), []);
  assert.match(JSON.stringify(row(all, 'Secret', 'login', 'data.password')), /"dev":"\*\\"\(not shown\)\\"/);
  for (const text of [JSON.stringify(all), markdown(all), terminal(all, true, 100)]) {
    assert.match(text, /\(not shown\)/);
    assert.doesNotMatch(text, /hush|aHVza/);
  }
});

test('environments that are named are compared alone, in the order in which a change travels', async () => {
  const some = await found(repoRoot, 'prod', 'dev', 'prod');
  assert.deepEqual(
    some.environments.map(({ name }) => name),
    ['dev', 'prod'],
  );
  assert.ok(some.differences.every(({ standings }) => !('staging' in standings)));
});

test('what cannot be compared is said, with what to do', async (t) => {
  await assert.rejects(found(repoRoot, 'dev', 'production'), {
    name: 'CannotRun',
    message: 'there is no environment "production". Name two or more of dev, staging, prod.',
  });
  await assert.rejects(
    found(repoRoot, 'dev'),
    /^CannotRun: dev alone differs from nothing: name another beside it/,
  );
  const root = await copy(t);
  await spoil(root, overlay('prod'), '  - priority-class.yaml', '  - priority.yaml');
  await assert.rejects(
    found(root),
    (error) =>
      error instanceof CannotRun &&
      /^overlays\/prod\/kustomization\.yaml:\d+: prod does not render/.test(error.message) &&
      !error.message.includes(root),
  );
});
