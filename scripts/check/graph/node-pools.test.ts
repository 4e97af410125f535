import assert from 'node:assert/strict';
import { test } from 'node:test';
import { copy, findingsOf, spoil } from '../spoilt-copy.ts';

const listed = '  - ../../base/priority\n';

/** Lists components in an environment's overlay. */
function list(root: string, environment: string, ...components: string[]): Promise<void> {
  const lines = components.map((component) => `  - ../../base/${component}\n`).join('');
  return spoil(root, `overlays/${environment}/kustomization.yaml`, listed, listed + lines);
}

const found = async (root: string) =>
  (await findingsOf(root)).map(({ rule, environment, message }) => `${rule} ${environment}: ${message}`);

test('environments on pools of their own keep every rule, and all their pods are in them', async (t) => {
  const root = await copy(t);
  await list(root, 'dev', 'node-pool');
  await list(root, 'prod', 'node-pool', 'postgres-ha/node-pool');
  assert.deepEqual(await found(root), []);
});

test('a workload that the pool left out is found', async (t) => {
  const root = await copy(t);
  await list(root, 'prod', 'node-pool');
  assert.deepEqual(await found(root), [
    'node-pool prod: Cluster postgres is on no node pool, and 2 others are on prod',
  ]);
});

test("half a pool is found, and so are another environment's pool and a toleration of every taint", async (t) => {
  const changed = async (what: string) => {
    const root = await copy(t);
    await list(root, 'dev', 'node-pool');
    await spoil(root, 'overlays/prod/release.yaml', /$/, `spec:\n  template:\n    spec: ${what}\n`);
    return (await found(root)).filter((finding) => finding.includes('Deployment quote-app'));
  };
  const pool = 'node-restriction.kubernetes.io/environment';
  assert.deepEqual(await changed(`{tolerations: [{key: ${pool}, value: dev}]}`), [
    'node-pool prod: Deployment quote-app tolerates the taint of a node pool and selects no pool: it runs beside who is not in it',
  ]);
  assert.deepEqual(await changed(`{nodeSelector: {${pool}: prod}}`), [
    'node-pool prod: Deployment quote-app selects the node pool prod and does not tolerate its taint',
  ]);
  assert.deepEqual(
    await changed(`{nodeSelector: {${pool}: dev}, tolerations: [{key: ${pool}, value: dev}]}`),
    ["node-pool prod: Deployment quote-app is on the node pool dev, which is dev's"],
  );
  assert.deepEqual(await changed('{tolerations: [{operator: Exists}]}'), [
    'node-pool prod: Deployment quote-app tolerates every taint, that of the node pool dev too',
  ]);
});

test('a sandbox is declared where it is named, and what comes later has it too', async (t) => {
  const root = await copy(t);
  await list(root, 'staging', 'quote-app/sandboxed');
  assert.deepEqual(await found(root), [
    'environment-safeguards prod: Deployment quote-app lacks runtimeClassName, which it has in staging',
  ]);
  await list(root, 'prod', 'quote-app/sandboxed');
  assert.deepEqual(await found(root), []);
  await spoil(
    root,
    'base/quote-app/sandboxed/runtime-class.yaml',
    'runtimeClassName: gvisor',
    'runtimeClassName: gvsior',
  );
  const slips = (await found(root)).filter((finding) => finding.includes('gvsior'));
  assert.equal(slips.length, 2, String(slips));
});

test("an environment's own cluster is its project's too, or the check says so", async (t) => {
  const root = await copy(t);
  const apps = 'apps/prod.yaml';
  const server = 'server: https://kubernetes.default.svc';
  const own = 'server: https://prod.example.org:6443';
  await spoil(root, apps, new RegExp(`(kind: Application\n[^]*)${server}`), `$1${own}`);
  const [only, ...more] = await found(root);
  assert.match(only ?? '', /^app-project /);
  assert.deepEqual(
    more.filter((finding) => !finding.startsWith('app-project ')),
    [],
  );
  await spoil(root, apps, server, own);
  assert.deepEqual(await found(root), []);
});
