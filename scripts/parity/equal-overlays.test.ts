import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { found, write } from './rows.ts';

test('environments with equal overlays differ in nothing, whatever their overlays say', async (t) => {
  for (let seed = 1; seed <= 12; seed += 1) {
    const root = await folder(t);
    const chosen = features.filter((_, index) => ((seed * 2654435761) >>> (index + 3)) % 2 === 1);
    for (const environment of ['blue', 'green', 'eu-west']) {
      const text = chosen.map((feature) => feature(seed)).join('');
      const said = `namespace: shop-NAME\nresources: [../../base, own.yaml]\n${text}`;
      await write(root, `overlays/${environment}/kustomization.yaml`, said.replaceAll('NAME', environment));
      await write(root, `overlays/${environment}/own.yaml`, own.replaceAll('NAME', environment));
    }
    const { differences, objects } = await found(root);
    assert.deepEqual(differences, [], chosen.map((feature) => feature(seed)).join(''));
    assert.equal(objects, 7);
  }
});

const own = `apiVersion: scheduling.k8s.io/v1
kind: PriorityClass
metadata: {name: NAME}
value: 7
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: reader-of-shop-NAME}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: shop}
webhooks: [{name: a.example.org, clientConfig: {service: {name: web, namespace: shop-NAME}}}]
`;

const shared = `apiVersion: v1
kind: Namespace
metadata: {name: any}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {ports: [{port: 80}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  template:
    spec:
      volumes: [{name: settings, configMap: {name: settings}}]
      containers: [{name: web, image: web, args: [a, b]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: web}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: web}
subjects: [{kind: ServiceAccount, name: default, namespace: any}]
`;

/** What an overlay may say besides, by a number; NAME is the environment's. */
const features: ((seed: number) => string)[] = [
  (seed) => `replicas: [{name: web, count: ${seed % 5}}]\n`,
  (seed) => `images: [{name: web, newTag: "${seed}"}]\n`,
  () => 'namePrefix: NAME-\n',
  (seed) => `labels: [{pairs: {seed: "${seed}"}, includeTemplates: true}]\n`,
  () => `replacements:
  - source: {kind: PriorityClass, name: NAME}
    targets: [{select: {kind: Deployment}, fieldPaths: [spec.template.spec.priorityClassName], options: {create: true}}]
`,
  (seed) => `patches:
  - patch: |-
      apiVersion: apps/v1
      kind: Deployment
      metadata: {name: web}
      spec: {template: {spec: {containers: [{name: side-${seed}, image: side}, {name: web, args: [c]}]}}}
`,
];

async function folder(t: TestContext): Promise<string> {
  const root = await mkdtemp(path.join(tmpdir(), 'quotes-parity-'));
  t.after(() => rm(root, { recursive: true }));
  await write(root, 'base/all.yaml', shared);
  await write(root, 'base/kustomization.yaml', 'resources: [all.yaml]\n');
  return root;
}
