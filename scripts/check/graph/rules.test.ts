import assert from 'node:assert/strict';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { repoRoot } from '../../paths.ts';
import { check } from '../check.ts';
import { exampleTargets, renderExample } from '../examples.ts';
import { type FieldPath, isMap, type Json, type JsonMap } from '../model.ts';
import { findKustomize } from '../programs.ts';
import { servedKinds } from '../schemas/served-kinds.ts';
import { schemaStore } from '../schemas/store.ts';
import { spoilable } from '../spoilt-copy.ts';
import { YamlFiles } from '../yaml/yaml-files.ts';
import { readRepository } from './repository.ts';
import { graphRules, graphViolations } from './rules.ts';

async function scratchFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'quotes-graph-'));
  t.after(() => rm(folder, { recursive: true }));
  return folder;
}

async function copy(t: TestContext): Promise<string> {
  const root = await scratchFolder(t);
  for (const folder of spoilable) {
    await cp(path.join(repoRoot, folder), path.join(root, folder), { recursive: true });
  }
  return root;
}

/** The graph rules that find something, each with the environments and files that it finds it in. */
async function found(root: string, ...paths: string[]): Promise<Record<string, string[]>> {
  const { report } = await check(root, paths, () => {});
  const own = report.findings.filter(({ rule }) => graphRules.some(({ id }) => id === rule));
  return Object.fromEntries(
    [...Map.groupBy(own, ({ rule }) => rule)].map(([rule, findings]) => [
      rule,
      findings.map(({ environment, file }) => `${environment} ${file}`.trim()).sort(),
    ]),
  );
}

async function replace(root: string, file: string, from: string, to: string): Promise<void> {
  const before = await readFile(path.join(root, file), 'utf8');
  assert.ok(before.includes(from), `${file} has no ${from}`);
  await writeFile(path.join(root, file), before.replaceAll(from, to));
}

test('a slip in a base is found in each environment, at the field that names what is not there', async (t) => {
  const root = await copy(t);
  await replace(
    root,
    'base/quote-app/deployment.yaml',
    'secretName: postgres-credentials',
    'secretName: postgres-credential',
  );
  const postgres = 'base/postgres-single/network-policy.yaml';
  await replace(root, postgres, 'port: postgres', 'port: 5433');
  await replace(root, 'apps/prod.yaml', '/overlays/prod;/base', '/overlays/prod');
  const everywhere = (file: string) => ['dev', 'prod', 'staging'].map((name) => `${name} ${file}`);
  assert.deepEqual(await found(root), {
    'config-reference': everywhere('base/quote-app/deployment.yaml'),
    // Its two keys are declared, and nothing reads them any more.
    'outside-git': [
      ...everywhere('base/quote-app/deployment.yaml'),
      ...everywhere('base/quote-app/deployment.yaml'),
    ].sort(),
    'needed-flow': [postgres, postgres].flatMap((file) => [`dev ${file}`, `staging ${file}`]).sort(),
    'generate-paths': ['apps/prod.yaml'],
  });
});

test('a declaration that is taken away is missed, where a NetworkPolicy shows that there is something to declare', async (t) => {
  const root = await copy(t);
  const app = 'base/quote-app/deployment.yaml';
  const single = 'base/postgres-single/deployment.yaml';
  const cluster = 'base/postgres-ha/cluster.yaml';
  const needs = '    quotes.check/needs: postgres-rw:5432, postgres-ro:5432, dns\n';
  await replace(root, app, needs, '    other: annotation\n');
  await replace(root, cluster, '    quotes.check/needs: postgres-rw:5432, dns\n', '');
  for (const postgres of [single, cluster]) {
    await replace(root, postgres, '    quotes.check/clients: quote-app\n', '');
  }
  const everywhere = (file: string) => ['dev', 'prod', 'staging'].map((name) => `${name} ${file}`);
  assert.deepEqual(await found(root), {
    'needed-flow': [...everywhere(app), `prod ${cluster}`].sort(),
    'unexpected-client': [`dev ${single}`, `prod ${cluster}`, `staging ${single}`],
  });
});

test('a namespaceSelector is held to the namespaces that are rendered', async (t) => {
  const file = 'base/postgres-single/network-policy.yaml';
  const peer =
    '        - podSelector:\n            matchLabels:\n              app.kubernetes.io/name: quote-app\n';
  const within = (selector: string) => `${peer}          namespaceSelector: ${selector}\n`;
  const only = await copy(t);
  await replace(only, file, peer, within('{matchLabels: {stage: last}}'));
  await replace(
    only,
    'overlays/staging/kustomization.yaml',
    'patches:\n',
    'patches:\n  - path: namespace.yaml\n',
  );
  await writeFile(
    path.join(only, 'overlays/staging/namespace.yaml'),
    'apiVersion: v1\nkind: Namespace\nmetadata: {name: staging, labels: {stage: last}}\n',
  );
  // Elsewhere the selector selects nothing: quote-app cannot reach its database there.
  assert.deepEqual(await found(only), { 'needed-flow': [`dev ${file}`, `dev ${file}`] });
  const all = await copy(t);
  await replace(all, file, peer, within('{matchLabels: {app.kubernetes.io/part-of: quotes}}'));
  assert.deepEqual(await found(all), {
    'unexpected-client': ['dev', 'staging'].map((name) => `${name} ${file}`),
  });
});

test('an environment in which the next workload would be open is found, on each side', async (t) => {
  const everywhere = ['dev', 'prod', 'staging'].map((name) => `${name} base/namespace/namespace.yaml`);
  const file = 'base/namespace/default-deny.yaml';
  const without = await copy(t);
  await replace(without, 'base/namespace/kustomization.yaml', '  - default-deny.yaml\n', '');
  await rm(path.join(without, file));
  assert.deepEqual(await found(without), {
    'unselected-pod': everywhere.flatMap((place) => [place, place]),
  });
  for (const [from, to] of [
    ['[Ingress, Egress]', '[Ingress]'],
    ['podSelector: {}', 'podSelector: {matchLabels: {app.kubernetes.io/part-of: quotes}}'],
    ['podSelector: {}', 'podSelector: {}\n  ingress: [{}]'],
  ] as const) {
    const root = await copy(t);
    await replace(root, file, from, to);
    assert.deepEqual(new Set((await found(root))['unselected-pod']), new Set(everywhere), to);
  }
});

test('an environment that no Application deploys is found, and one of an Application that is not there', async (t) => {
  const root = await copy(t);
  await replace(root, 'apps/staging.yaml', 'path: overlays/staging', 'path: overlays/stagnig');
  assert.deepEqual(await found(root), {
    'application-source': ['apps/staging.yaml', 'staging overlays/staging/kustomization.yaml'],
  });
});

test('an environment that no Application deploys is found when all of apps/ is gone', async (t) => {
  const root = await copy(t);
  await rm(path.join(root, 'apps'), { recursive: true });
  assert.deepEqual(await found(root), {
    'application-source': ['dev', 'prod', 'staging'].map(
      (name) => `${name} overlays/${name}/kustomization.yaml`,
    ),
  });
});

test('an operator whose definitions come no earlier than what is of their kinds is found', async (t) => {
  const root = await copy(t);
  const file = 'apps/cloudnative-pg.yaml';
  await replace(root, file, '    argocd.argoproj.io/sync-wave: "-1"\n', '');
  assert.deepEqual(await found(root), { 'application-order': [file] });
});

test('an Application of a folder that is checked as no environment is found', async (t) => {
  const root = await copy(t);
  await replace(root, 'apps/staging.yaml', 'path: overlays/staging', 'path: base/quote-app');
  assert.deepEqual((await found(root))['application-source'], [
    'apps/staging.yaml',
    'staging overlays/staging/kustomization.yaml',
  ]);
});

test('what a file or a base given as argument refers to may be elsewhere', async () => {
  for (const given of [
    'base/quote-app/deployment.yaml',
    'base/quote-app',
    'base/postgres-single',
    'base/postgres-ha',
    'overlays/prod',
  ]) {
    assert.deepEqual(await found(repoRoot, path.join(repoRoot, given)), {}, given);
  }
});

test('no value of any field makes a rule fail', async (t) => {
  const kustomize = await findKustomize(() => {});
  const resources = (await servedKinds(await schemaStore())).resources;
  const scratch = await scratchFolder(t);
  const { namespace, applications } = exampleTargets(repoRoot);
  const renders = await Promise.all(
    [namespace, applications].map((target) => renderExample(target, kustomize, scratch)),
  );
  const files = new YamlFiles();
  for (const [index, render] of renders.entries()) {
    for (const [at, object] of render.objects.entries()) {
      for (const field of fieldsOf(object.value)) {
        for (const other of [null, 'x', 1, [null]]) {
          const value = changed(object.value, field, other);
          const objects = render.objects.with(at, { ...object, value: isMap(value) ? value : {} });
          const spoilt = renders.with(index, { ...render, objects });
          graphViolations(await readRepository(repoRoot, false, spoilt, resources, [], files));
        }
      }
    }
  }
});

function fieldsOf(value: JsonMap | Json[]): FieldPath[] {
  const entries: [string | number, Json][] = Array.isArray(value)
    ? value.map((item, index) => [index, item])
    : Object.entries(value);
  return entries.flatMap(([key, field]) => [
    [key],
    ...(isMap(field) || Array.isArray(field) ? fieldsOf(field).map((rest) => [key, ...rest]) : []),
  ]);
}

function changed(value: Json | undefined, [step, ...rest]: FieldPath, to: Json): Json {
  if (step === undefined) {
    return to;
  }
  if (Array.isArray(value)) {
    return value.map((item, index) => (index === step ? changed(item, rest, to) : item));
  }
  return isMap(value) ? { ...value, [step]: changed(value[step], rest, to) } : to;
}

test('a CloudNativePG Cluster is kept as a claim is', async (t) => {
  const root = await copy(t);
  const file = 'base/postgres-ha/cluster.yaml';
  let now = 'Prune=false,Delete=false';
  const kept = async (options: string) => {
    await replace(root, file, now, options);
    now = options;
    return (await found(root))['keep-data'] ?? [];
  };
  assert.deepEqual(await kept('Prune=false,Delete=confirm'), []);
  assert.deepEqual(await kept('Prune=false'), [`prod ${file}`]);
  assert.deepEqual(await kept('Prune=false,Delete=false,Replace=true'), [`prod ${file}`]);
});
