import assert from 'node:assert/strict';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { repoRoot } from '../../paths.ts';
import { check } from '../check.ts';
import { writeGenerated } from '../generated.ts';

/**
 * Checks a repository of another shape than this one's, by this one's policies. A finding is `FILE:LINE RULE` and the
 * line's text, with the environments that have it.
 */
async function findingsIn(t: TestContext, shape: string): Promise<Record<string, string>> {
  const root = await mkdtemp(path.join(tmpdir(), `quotes-shape-${shape}-`));
  t.after(() => rm(root, { recursive: true }));
  await cp(path.join(repoRoot, 'policies'), path.join(root, 'policies'), { recursive: true });
  // Another repository has exempted nothing of this one's.
  await writeFile(path.join(root, 'policies/exemptions.yaml'), 'exemptions: []\n');
  await mkdir(path.join(root, 'docs'));
  await cp(path.join(import.meta.dirname, shape), root, { recursive: true });
  await writeGenerated(root, () => {});
  const { report } = await check(root, [], () => {});
  const found = new Map<string, Set<string>>();
  for (const { file, line = 0, rule, environment } of report.findings) {
    const text = (await readFile(path.join(root, file), 'utf8')).split('\n')[line - 1]?.trim();
    const place = `${file}:${line} ${rule}: ${text}`;
    found.set(place, (found.get(place) ?? new Set()).add(environment));
  }
  return Object.fromEntries([...found].map(([place, environments]) => [place, [...environments].join(' ')]));
}

test('components for features: each finding is in the base, the component or the overlay that brought it', async (t) => {
  assert.deepEqual(await findingsIn(t, 'features'), {
    // A JSON patch finds the first container, before a component puts another in front of it.
    'base/shop/basket-scratch.yaml:4 read-only-root: value: false': 'dev prod staging',
    'base/shop/basket-scratch.yaml:6 resources: path: /spec/template/spec/containers/0/resources/requests/ephemeral-storage':
      'dev prod staging',
    // The other environments delete it by a component.
    'base/shop/cache.yaml:24 probes: livenessProbe:': 'dev',
    'base/shop/storefront.yaml:17 spread: spec:': 'prod',
    'base/shop/storefront.yaml:76 service-exposure: type: LoadBalancer': 'dev',
    'components/behind-gateway/route.yaml:16 port-name: name: web': 'prod staging',
    'components/external-cache/kustomization.yaml:43 secret-in-env: value: steeped-for-four-minutes':
      'prod staging',
    'components/network-policies/storefront.yaml:13 needed-flow: egress:': 'dev prod staging',
    // Kustomize renders what it calls deprecated, so it is judged like anything else.
    'components/sale-banner/kustomization.yaml:4 kustomization: commonLabels:': '',
    'components/sale-banner/kustomization.yaml:6 kustomization: patchesStrategicMerge:': '',
    'components/sale-banner/kustomization.yaml:19 secret-in-env: value: spring-sale': 'staging',
    'components/sale-banner/kustomization.yaml:21 kustomization: patchesJson6902:': '',
    'components/sale-banner/kustomization.yaml:29 port-name: value: htpt': 'staging',
    'components/sale-banner/storefront-memory.yaml:12 environment-safeguards: memory: null': 'staging',
    'components/sale-banner/storefront-memory.yaml:12 resources: memory: null': 'staging',
    'components/service-accounts/kustomization.yaml:20 dangling-reference: value: baskets':
      'dev prod staging',
    'components/tracing/collector-sidecar.yaml:32 resources: limits:': 'prod',
    'components/tracing/collector-sidecar.yaml:47 config-reference: - key: config.yaml': 'prod',
    // Patches of external-cache delete their targets, and are not dead for that.
    'components/tracing/kustomization.yaml:28 dead-entry: - target:': '',
    // The mirror is another registry than the ones of which a tag will do.
    'overlays/prod/kustomization.yaml:22 image-digest: newTag: 0.130.0': 'prod',
    'overlays/prod/storefront-budget.yaml:6 drain-blocked: minAvailable: 2': 'prod',
    'overlays/prod/storefront-capacity.yaml:6 minimum-replicas: replicas: 2': 'prod',
    'overlays/prod/storefront-capacity.yaml:15 environment-safeguards: memory: null': 'prod',
    'overlays/prod/storefront-capacity.yaml:15 resources: memory: null': 'prod',
    'overlays/staging/kustomization.yaml:18 image-tag: newTag: latest': 'staging',
  });
});

test('bases of many teams: regions below one overlay, a base used twice, a component of a component', async (t) => {
  assert.deepEqual(await findingsIn(t, 'teams'), {
    'apps/production.yaml:34 app-project: namespace: ledger-usa': '',
    // The worker is a base of invoices and of refunds.
    'base/payments/refunds/queue.yaml:19 secret-in-env: value: four-eyes-only':
      'development production/eu production/us',
    'base/platform/postgres/network-policy.yaml:12 unexpected-client: - podSelector:':
      'development production/eu production/us',
    'components/highly-available/rollout.yaml:8 stuck-rollout: rollingUpdate:': 'production/eu production/us',
    'components/highly-available/spread/login.yaml:7 dead-selector: labelSelector:':
      'production/eu production/us',
    'components/trusted-certificates/api.yaml:10 volume-mount: - name: certificate':
      'production/eu production/us',
    'overlays/development/kustomization.yaml:30 pull-policy: imagePullPolicy: Never': 'development',
    'overlays/production/shared/kustomization.yaml:19 image-digest: newTag: 4.1.0':
      'production/eu production/us',
    'overlays/production/us/kustomization.yaml:8 minimum-replicas: count: 1': 'production/us',
    'overlays/production/us/kustomization.yaml:14 secret-in-config-map: - RATES_TOKEN=us-rates-2026':
      'production/us',
  });
});

test('generators and replacements: each finding is at the literal, the file or the patch with the value', async (t) => {
  assert.deepEqual(await findingsIn(t, 'generators'), {
    // In prod the API server refuses the CronJob as it is patched: no policy sees it.
    'base/press/clean-up.yaml:8 job-deadline: spec:': 'dev staging',
    'base/press/editor.yaml:7 minimum-replicas: spec:': 'prod',
    'base/press/editor.yaml:34 config-reference: key: languages': 'prod',
    // A replacement copies it into the CronJob.
    'base/press/installation.env:5 image-tag: CLEANER_IMAGE=images.press.example/clean-up:latest':
      'dev staging',
    // Overlays merge other keys into the same ConfigMap.
    'base/press/installation.env:7 secret-in-config-map: SIGNING_TOKEN=ink-and-paper': 'dev prod staging',
    'base/press/more-env.yaml:5 secret-in-env: value: abc123': 'dev prod staging',
    'base/press/printer-login.env:1 secret-in-git: user=press': 'dev prod staging',
    'base/press/printer-volume.json:5 volume-types: "value": { "name": "spool", "hostPath": { "path": "/var/spool" } }':
      'dev prod staging',
    'base/press/printer.yaml:25 image-tag: image: images.press.example/printer:latest': 'dev',
    'base/press/printer.yaml:39 config-reference: key: duplex': 'staging',
    'overlays/prod/clean-up.yaml:14 schema: value: true': 'prod',
    // By its name, and by the private key in the file.
    'overlays/prod/kustomization.yaml:17 secret-in-config-map: - cloud-credentials=editor.pem': 'prod',
    'overlays/prod/kustomization.yaml:21 image-digest: newTag: 2.0.0': 'prod',
    'overlays/staging/kustomization.yaml:1 policy-parameters: apiVersion: kustomize.config.k8s.io/v1beta1':
      'staging',
  });
});
