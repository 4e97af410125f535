import assert from 'node:assert/strict';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { repoRoot } from '../paths.ts';
import { selects } from './admission/selectors.ts';
import { isMap, maps, valueAt } from './model.ts';
import { findKustomize } from './programs.ts';
import { renderTarget } from './render.ts';
import { copy, findingsOf, lineOf, spoil } from './spoilt-copy.ts';
import { YamlFiles } from './yaml/yaml-files.ts';

/** A copy in which each overlay and Argo CD has what it can have for Prometheus. */
async function switchedOn(t: TestContext): Promise<string> {
  const root = await copy(t);
  for (const environment of ['dev', 'staging', 'prod']) {
    const components = ['quote-app', ...(environment === 'prod' ? ['postgres-ha'] : [])];
    await spoil(
      root,
      `overlays/${environment}/kustomization.yaml`,
      'components:\n',
      ['components:', ...components.map((base) => `  - ../../base/${base}/monitoring`), ''].join('\n'),
    );
  }
  await spoil(root, 'apps/kustomization.yaml', '  - prod.yaml\n', '  - prod.yaml\n  - monitoring\n');
  return root;
}

test('monitoring keeps every rule where it is switched on', async (t) => {
  assert.deepEqual(await findingsOf(await switchedOn(t)), []);
});

const monitor = 'base/quote-app/monitoring/pod-monitor.yaml';
const slips = [
  {
    what: 'a PodMonitor that selects no pod',
    file: 'base/postgres-ha/monitoring/pod-monitor.yaml',
    from: 'cnpg.io/podRole: instance',
    to: 'cnpg.io/podRole: instances',
    rule: 'dead-selector',
    at: 'selector:',
    environments: ['prod'],
  },
  {
    what: 'a PodMonitor of a port that its pods do not have',
    file: monitor,
    from: 'port: metrics',
    to: 'port: metric',
    rule: 'port-name',
    at: '- port:',
    environments: ['dev', 'prod', 'staging'],
  },
];

for (const { what, file, from, to, rule, at, environments } of slips) {
  test(`${what} is found by ${rule}, where it is`, async (t) => {
    const root = await switchedOn(t);
    await spoil(root, file, from, to);
    const line = await lineOf(root, file, at);
    const found = await findingsOf(root);
    assert.deepEqual(
      found.map((finding) => [finding.rule, finding.file, finding.line, finding.environment]).sort(),
      environments.map((environment) => [rule, file, line, environment]),
    );
  });
}

test('a NetworkPolicy that lets Prometheus into no pod is found by needed-flow', async (t) => {
  const root = await switchedOn(t);
  await spoil(
    root,
    'base/postgres-ha/network-policy.yaml',
    /- ports:\n +# Metrics\.\n +- port: 9187/,
    '- ports:\n        - port: 9188',
  );
  const found = await findingsOf(root);
  assert.deepEqual(
    found.map(({ rule, environment, message }) => [rule, environment, message]),
    [
      [
        'needed-flow',
        'prod',
        'PodMonitor postgres needs Cluster postgres, and no rule lets it in (TCP 9187)',
      ],
    ],
  );
});

test('a slip in a Component that no overlay lists is found', async (t) => {
  const root = await copy(t);
  await spoil(root, monitor, 'podMetricsEndpoints', 'podMetricEndpoints');
  const found = await findingsOf(root);
  assert.ok(found.some(({ rule, file }) => rule === 'unknown-field' && file === monitor));
});

test('a Component that no overlay lists can be checked by itself', async (t) => {
  const root = await copy(t);
  assert.deepEqual(await findingsOf(root, path.join(root, 'base/quote-app/monitoring')), []);
});

test('a Component beside what no overlay lists is found', async (t) => {
  const root = await copy(t);
  const file = 'base/quote-app/monitoring/kustomization.yaml';
  await spoil(root, file, 'quotes.check/besides: ..', 'quotes.check/besides: ../elsewhere');
  const found = await findingsOf(root);
  assert.deepEqual(
    found.map(({ rule, message }) => [rule, message]),
    [['unlisted-file', 'it goes with base/quote-app/elsewhere, which no kustomization lists']],
  );
});

test("Argo CD's monitor finds a Service with a port of that name for each thing it names", async () => {
  const kustomize = await findKustomize(() => {});
  const render = async (folder: string) => {
    const target = { role: 'argument', environment: '', dir: path.join(repoRoot, folder) } as const;
    return (await renderTarget(kustomize, target, new YamlFiles(repoRoot))).objects;
  };
  const services = (await render('argocd')).filter(({ id }) => id.kind === 'Service');
  const [own] = (await render('monitoring')).filter(({ id }) => id.kind === 'ServiceMonitor');
  const spec = isMap(own?.value.spec) ? own.value.spec : {};
  const chosen = services.filter(({ value }) => {
    const labels = valueAt(value, ['metadata', 'labels']);
    return selects(spec.selector, isMap(labels) ? labels : {});
  });
  const named = valueAt(spec, ['selector', 'matchExpressions', 0, 'values']);
  assert.deepEqual(chosen.map(({ id }) => id.name).sort(), Array.isArray(named) ? named.toSorted() : []);
  const ports = maps(spec.endpoints).map(({ port }) => port);
  for (const { id, value } of chosen) {
    const served = maps(valueAt(value, ['spec', 'ports'])).map(({ name }) => name);
    assert.ok(
      ports.every((port) => port !== undefined && served.includes(port)),
      id.name,
    );
  }
});
