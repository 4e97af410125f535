import assert from 'node:assert/strict';
import { appendFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { copy, spoil } from '../check/spoilt-copy.ts';
import { at, component, found, memory, overlay, requested, row, unintended, write } from './rows.ts';

test('a component that one overlay lists is meant by that line, for what it sets and for what it takes away', async (t) => {
  const root = await copy(t);
  const text = `${memory('1Gi', 'name: quote-app')}  - patch: |-
      $patch: delete
      apiVersion: policy/v1
      kind: PodDisruptionBudget
      metadata:
        name: quote-app-pdb
`;
  await component(root, 'large', text, ['staging']);
  const all = await found(root);
  assert.deepEqual(unintended(all), []);
  const line = await at(root, overlay('staging'), '- ../../base/large');
  const set = row(all, 'Deployment', 'quote-app', requested);
  assert.deepEqual(set, { ...set, staging: `*"1Gi" ${line}` });
  const gone = row(all, 'PodDisruptionBudget', 'quote-app-pdb', '');
  assert.deepEqual(gone, { ...gone, staging: `*- ${line}` });
});

test('what all share and what does not come out the same is not intended, though an overlay may be why', async (t) => {
  const root = await copy(t);
  await component(root, 'by-label', memory('1Gi', 'labelSelector: size=large'));
  const size = `kind: Component
apiVersion: kustomize.config.k8s.io/v1alpha1
labels:
  - pairs:
      size: large
`;
  await write(root, 'overlays/prod/size/kustomization.yaml', size);
  await spoil(root, overlay('prod'), 'components:\n', 'components:\n  - size\n');
  const all = await found(root);
  // The label is on edge too.
  assert.deepEqual(unintended(all), [
    `Deployment edge ${requested.replace('[quote-app]', '[haproxy]')}`,
    `Deployment quote-app ${requested}`,
  ]);
  const label = row(all, 'Deployment', 'quote-app', 'metadata.labels.size');
  assert.deepEqual(label, {
    ...label,
    intended: true,
    prod: `*"large" ${await at(root, 'overlays/prod/size/kustomization.yaml', 'size: large')}`,
  });
  const base = await at(root, 'base/quote-app/deployment.yaml', 'memory: 96Mi');
  assert.deepEqual(row(all, 'Deployment', 'quote-app', requested), {
    intended: false,
    dev: `"96Mi" ${base}`,
    staging: `"96Mi" ${base}`,
    prod: `"1Gi" ${await at(root, 'base/by-label/kustomization.yaml', 'value: 1Gi')}`,
  });
  // Between the two that share it nothing differs.
  assert.deepEqual(unintended(await found(root, 'dev', 'staging')), []);
});

test('components that all list, in another order, make a difference that nobody intends', async (t) => {
  const root = await copy(t);
  await component(root, 'small', memory('64Mi', 'name: quote-app'));
  await component(root, 'large', memory('1Gi', 'name: quote-app'));
  assert.deepEqual(unintended(await found(root)), []);
  const [small, large] = ['  - ../../base/small\n', '  - ../../base/large\n'];
  await spoil(root, overlay('prod'), large + small, small + large);
  assert.deepEqual(unintended(await found(root)), [`Deployment quote-app ${requested}`]);
});

test('an object that a shared component takes away in one environment alone is not intended to be gone', async (t) => {
  const root = await copy(t);
  const text = `patches:
  - target:
      kind: PodDisruptionBudget
      annotationSelector: budget=none
    patch: |-
      $patch: delete
      apiVersion: policy/v1
      kind: PodDisruptionBudget
      metadata:
        name: any
`;
  await component(root, 'without-budget', text);
  await write(
    root,
    'overlays/dev/none/kustomization.yaml',
    'kind: Component\napiVersion: kustomize.config.k8s.io/v1alpha1\ncommonAnnotations:\n  budget: none\n',
  );
  await spoil(root, overlay('dev'), 'components:\n', 'components:\n  - none\n');
  assert.deepEqual(
    unintended(await found(root)),
    ['edge', 'quote-app-pdb'].map((name) => `PodDisruptionBudget ${name} `),
  );
});

test('what two overlays alone list must come out the same in both', async (t) => {
  const root = await copy(t);
  await component(root, 'large', memory('1Gi', 'annotationSelector: size=large'), ['staging', 'prod']);
  await component(root, 'small', memory('64Mi', 'name: quote-app'), ['staging', 'prod']);
  assert.deepEqual(unintended(await found(root)), []);
  const size =
    'kind: Component\napiVersion: kustomize.config.k8s.io/v1alpha1\ncommonAnnotations:\n  size: large\n';
  await write(root, 'overlays/prod/size/kustomization.yaml', size);
  await spoil(root, overlay('prod'), 'components:\n', 'components:\n  - size\n');
  // Now prod has it from large, which staging lists as well; dev, which lists neither, is explained.
  const field = `Deployment quote-app ${requested}`;
  assert.ok(unintended(await found(root)).includes(field));
  assert.deepEqual(row(await found(root, 'staging', 'prod'), 'Deployment', 'quote-app', requested), {
    intended: false,
    staging: `"64Mi" ${await at(root, 'base/small/kustomization.yaml', 'value: 64Mi')}`,
    prod: `"1Gi" ${await at(root, 'base/large/kustomization.yaml', 'value: 1Gi')}`,
  });
  assert.deepEqual(unintended(await found(root, 'dev', 'prod')), []);
});

test('an overlay that says another value than the one that comes out of all does not explain it', async (t) => {
  const root = await copy(t);
  // Transformers come after an overlay's patches.
  for (const environment of ['dev', 'staging', 'prod']) {
    await spoil(
      root,
      overlay(environment),
      'transformers:\n',
      'transformers:\n  - ../../base/priority-of-dns\n',
    );
  }
  await write(root, 'base/priority-of-dns/kustomization.yaml', 'resources: [dns.yaml]\n');
  await write(
    root,
    'base/priority-of-dns/dns.yaml',
    `apiVersion: builtin
kind: PatchTransformer
metadata:
  name: dns
target:
  kind: Deployment
  name: quote-app
  annotationSelector: dns=first
patch: |-
  - op: replace
    path: /spec/template/spec/dnsPolicy
    value: Default
`,
  );
  const patch = (more: string) => `  - patch: |-
      apiVersion: apps/v1
      kind: Deployment
      metadata:
        name: quote-app
${more}      spec:
        template:
          spec:
            dnsPolicy: ClusterFirst
`;
  for (const environment of ['dev', 'staging', 'prod']) {
    const annotation = environment === 'prod' ? '        annotations:\n          dns: first\n' : '';
    await appendFile(path.join(root, overlay(environment)), patch(annotation));
  }
  const field = 'spec.template.spec.dnsPolicy';
  const all = await found(root, 'staging', 'prod');
  const { staging, prod } = row(all, 'Deployment', 'quote-app', field) as Record<string, unknown>;
  assert.match(String(staging), /^\*"ClusterFirst" overlays\/staging\//);
  assert.match(String(prod), /^"Default" base\/priority-of-dns\/dns\.yaml:/);
});

test('an overlay that copies what all share says so itself', async (t) => {
  const root = await copy(t);
  // Its own replacements come after its namespace, which names the Namespace of base/.
  await appendFile(
    path.join(root, overlay('prod')),
    `replacements:
  - source:
      kind: Namespace
      fieldPath: metadata.name
    targets:
      - select:
          kind: Deployment
          name: quote-app
        fieldPaths:
          - metadata.annotations.where
        options:
          create: true
`,
  );
  const all = await found(root);
  assert.deepEqual(unintended(all), []);
  const where = row(all, 'Deployment', 'quote-app', 'metadata.annotations.where');
  assert.deepEqual(where, {
    ...where,
    prod: `*"prod" ${await at(root, overlay('prod'), '- metadata.annotations.where')}`,
  });
});

test('what a shared component copies from an overlay is said there', async (t) => {
  const root = await copy(t);
  const target = (name: string) => `    targets:
      - select:
          kind: Deployment
          name: quote-app
        fieldPaths: [metadata.annotations.${name}]
        options:
          create: true
`;
  const text = `replacements:
  - source:
      kind: ConfigMap
      name: policy-parameters
      fieldPath: data.minimum-replicas\\.quote-app
${target('least')}  - source:
      kind: PriorityClass
      fieldPath: description
      options:
        delimiter: " "
        index: 1
${target('class')}`;
  await component(root, 'copies', text);
  const all = await found(root);
  assert.deepEqual(unintended(all), []);
  const file = 'overlays/prod/policy-parameters.yaml';
  const least = row(all, 'Deployment', 'quote-app', 'metadata.annotations.least');
  assert.deepEqual(least, { ...least, prod: `*"3" ${await at(root, file, 'minimum-replicas.quote-app')}` });
  const part = row(all, 'Deployment', 'quote-app', 'metadata.annotations.class');
  const described = await at(root, 'overlays/prod/priority-class.yaml', 'description');
  assert.deepEqual(part, { ...part, prod: `*"prod" ${described}` });
});
