import assert from 'node:assert/strict';
import { test } from 'node:test';
import { base, container, rendered } from './rendered.ts';

// Kustomize puts what a strategic merge patch names first in the list.
test('a strategic merge patch that sets the value is the place, in its file or inline', async (t) => {
  const place = await rendered(t, {
    'base/kustomization.yaml': base,
    'middle/kustomization.yaml': 'resources: [../base]\npatches:\n  - path: web.yaml\n',
    'middle/web.yaml':
      'apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\nspec:\n  template:\n    spec:\n      containers:\n        - name: web\n          image: web:2\n',
    'overlay/kustomization.yaml':
      'resources: [../middle]\npatches:\n  - target: {kind: Deployment, name: w.*}\n    patch: |-\n      kind: Deployment\n      apiVersion: apps/v1\n      metadata: {name: any}\n      spec:\n        replicas: 4\n',
  });
  assert.equal(await place('Deployment', ...container, 0, 'image'), 'middle/web.yaml: image: web:2');
  assert.equal(await place('Deployment', ...container, 1, 'image'), 'base/deployment.yaml: image: side:1');
  assert.equal(await place('Deployment', 'spec', 'replicas'), 'overlay/kustomization.yaml: replicas: 4');
});

test('a patch of another object is not the place', async (t) => {
  const place = await rendered(t, {
    'base/kustomization.yaml': base,
    'overlay/other.yaml':
      'apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {ports: [{port: 1}]}\n',
    'overlay/kustomization.yaml':
      'resources: [../base, other.yaml]\npatches:\n  - target: {kind: Service}\n    patch: |-\n      - {op: add, path: /spec/replicas, value: 1}\n',
  });
  assert.equal(await place('Deployment', 'spec', 'replicas'), 'base/deployment.yaml: replicas: 1');
});

test('a patch that takes a field away is the place of what is missing', async (t) => {
  const place = await rendered(t, {
    'base/kustomization.yaml': base,
    'overlay/kustomization.yaml':
      'resources: [../base]\npatches:\n  - patch: |-\n      kind: Deployment\n      apiVersion: apps/v1\n      metadata: {name: web}\n      spec: {template: {spec: {containers: [{name: web,\n        command: null}]}}}\n  - target: {kind: Deployment}\n    patch: |-\n      - op: remove\n        path: /spec/replicas\n',
  });
  assert.equal(
    await place('Deployment', ...container, 0, 'command'),
    'overlay/kustomization.yaml: command: null}]}}}',
  );
  assert.equal(
    await place('Deployment', 'spec', 'replicas'),
    'overlay/kustomization.yaml: path: /spec/replicas',
  );
});

test('a JSON patch is the place of what it adds and of what is inside it', async (t) => {
  const place = await rendered(t, {
    'base/kustomization.yaml': base,
    'overlay/patch.json':
      '[\n{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": "side:2"}\n]\n',
    'overlay/kustomization.yaml':
      'resources: [../base]\npatches:\n  - target: {kind: Deployment}\n    path: patch.json\n  - target: {kind: Deployment}\n    patch: |-\n      - op: add\n        path: /spec/template/spec/containers/-\n        value:\n          name: third\n          image: third:1\n',
  });
  assert.match(await place('Deployment', ...container, 0, 'image'), /^overlay\/patch.json: .*side:2/);
  assert.equal(
    await place('Deployment', ...container, 2, 'image'),
    'overlay/kustomization.yaml: image: third:1',
  );
  assert.equal(
    await place('Deployment', ...container, 2, 'livenessProbe'),
    'overlay/kustomization.yaml: value:',
  );
});

test('a component is the place of what it sets, unless the overlay sets it after', async (t) => {
  const place = await rendered(t, {
    'base/kustomization.yaml': base,
    'component/kustomization.yaml':
      'apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\npatches:\n  - path: p.yaml\n',
    'component/p.yaml':
      'apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  replicas: 5\n  paused: true\n',
    'overlay/kustomization.yaml':
      'resources: [../base]\ncomponents: [../component]\nreplicas:\n  - name: web\n    count: 6\n',
  });
  assert.equal(await place('Deployment', 'spec', 'paused'), 'component/p.yaml: paused: true');
  assert.equal(await place('Deployment', 'spec', 'replicas'), 'overlay/kustomization.yaml: count: 6');
});

test('what JSON patches append is found by what it is, wherever later patches move it', async (t) => {
  const place = await rendered(t, {
    'base/kustomization.yaml': `${base}patches:\n  - path: more.yaml\n    target: {kind: Deployment}\n`,
    'base/more.yaml': [
      '- {op: add, path: /spec/template/spec/containers/1/env, value: [{name: FIRST, value: "1"}]}',
      '- {op: add, path: /spec/template/spec/containers/1/env/-, value: {name: SECOND, value: "2"}}',
      '- {op: add, path: /spec/template/spec/containers/1/env/-, value: {name: THIRD, value: "3"}}',
      '- {op: replace, path: /spec/template/spec/containers/1/image, value: "web:4"}',
      '- {op: remove, path: /spec/template/spec/containers/1/command}',
      '',
    ].join('\n'),
    'component/kustomization.yaml':
      'apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\npatches:\n  - path: sidecar.yaml\n',
    'component/sidecar.yaml':
      'apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  template:\n    spec:\n      containers:\n        - name: sidecar\n          image: sidecar:1\n',
    'overlay/kustomization.yaml': 'resources: [../base]\ncomponents: [../component]\n',
  });
  assert.equal(
    await place('Deployment', ...container, 0, 'image'),
    'component/sidecar.yaml: image: sidecar:1',
  );
  const env = [...container, 2, 'env'] as const;
  assert.match(await place('Deployment', ...env, 0, 'value'), /^base\/more.yaml: .*FIRST/);
  assert.match(await place('Deployment', ...env, 1, 'value'), /^base\/more.yaml: .*SECOND/);
  assert.match(await place('Deployment', ...env, 2, 'value'), /^base\/more.yaml: .*THIRD/);
  assert.match(await place('Deployment', ...container, 2, 'image'), /^base\/more.yaml: .*web:4/);
  assert.match(await place('Deployment', ...container, 2, 'command'), /^base\/more.yaml: .*remove/);
  assert.equal(
    await place('Deployment', ...container, 1, 'command'),
    'base/deployment.yaml: - name: side',
    'the command was taken from another container',
  );
});

test('a patch that takes away what a field is in is the place of what is missing', async (t) => {
  const place = await rendered(t, {
    'base/kustomization.yaml': base,
    'overlay/kustomization.yaml':
      'resources: [../base]\npatches:\n  - target: {kind: Deployment}\n    patch: |-\n      - op: remove\n        path: /spec/template/spec/containers/1\n',
  });
  assert.equal(
    await place('Deployment', ...container, 1, 'image'),
    'overlay/kustomization.yaml: path: /spec/template/spec/containers/1',
  );
});

test('a patch that takes an item of a list away is the place of what the list lacks', async (t) => {
  const rules = (...names: string[]) => names.map((name) => `    - {ports: [{port: ${name}}]}\n`).join('');
  const place = await rendered(t, {
    'base/kustomization.yaml': `${base}  - policy.yaml\n  - other.yaml\n`,
    'base/policy.yaml': `apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata:\n  name: web\nspec:\n  egress:\n${rules('a', 'b')}`,
    'base/other.yaml': `apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata:\n  name: other\nspec:\n  egress:\n${rules('a', 'b')}`,
    'overlay/kustomization.yaml': [
      'resources: [../base]',
      'patches:',
      '  - target: {kind: NetworkPolicy, name: web}',
      '    patch: |-',
      '      - op: remove',
      '        path: /spec/egress/1',
      '  - target: {kind: Deployment}',
      '    patch: |-',
      '      - op: remove',
      '        path: /spec/template/spec/containers/1',
      '  - patch: |-',
      '      apiVersion: apps/v1',
      '      kind: Deployment',
      '      metadata: {name: web}',
      '      spec:',
      '        template:',
      '          spec:',
      '            containers:',
      '              - name: third',
      '                image: third:1',
      '',
    ].join('\n'),
  });
  assert.equal(
    await place('NetworkPolicy/web', 'spec', 'egress'),
    'overlay/kustomization.yaml: path: /spec/egress/1',
  );
  assert.equal(await place('NetworkPolicy/web', 'spec'), 'base/policy.yaml: spec:');
  assert.equal(await place('NetworkPolicy/other', 'spec', 'egress'), 'base/other.yaml: egress:');
  assert.match(await place('Deployment', ...container, 1, 'image'), /^base\/deployment.yaml: image: side/);
});

test("an item of a kind: List is found in the list's file, and by patches", async (t) => {
  const list = `apiVersion: v1
kind: List
items:
  - apiVersion: v1
    kind: Service
    metadata:
      name: one
    spec:
      type: NodePort
  - apiVersion: v1
    kind: Service
    metadata:
      name: two
    spec:
      type: LoadBalancer
`;
  const place = await rendered(t, {
    'base/kustomization.yaml': 'resources: [list.yaml]\n',
    'base/list.yaml': list,
    'overlay/kustomization.yaml':
      'resources: [../base]\nnamePrefix: x-\npatches:\n  - patch: |-\n      apiVersion: v1\n      kind: Service\n      metadata: {name: one}\n      spec:\n        externalName: there\n',
  });
  assert.equal(await place('Service/x-two', 'spec', 'type'), 'base/list.yaml: type: LoadBalancer');
  assert.equal(await place('Service/x-two', 'spec', 'ports'), 'base/list.yaml: spec:');
  assert.equal(await place('Service/x-one', 'spec', 'type'), 'base/list.yaml: type: NodePort');
  assert.equal(
    await place('Service/x-one', 'spec', 'externalName'),
    'overlay/kustomization.yaml: externalName: there',
  );
});

test('a component of a component is the place of what it sets, and a component renames once', async (t) => {
  const component = 'apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n';
  const place = await rendered(t, {
    'base/kustomization.yaml': base,
    'inner/kustomization.yaml': `${component}patches:\n  - target: {kind: Deployment}\n    patch: |-\n      - {op: add, path: /spec/paused, value: true}\n`,
    'outer/kustomization.yaml': `${component}components: [../inner]\nresources: [service.yaml]\nnameSuffix: -x\n`,
    'outer/service.yaml':
      'apiVersion: v1\nkind: Service\nmetadata: {name: own}\nspec: {ports: [{port: 1}]}\n',
    'overlay/kustomization.yaml':
      'resources: [../base]\ncomponents: [../outer]\npatches:\n  - patch: |-\n      apiVersion: v1\n      kind: Service\n      metadata: {name: own-x}\n      spec: {type: NodePort}\n',
  });
  assert.match(await place('Deployment', 'spec', 'paused'), /^inner\/kustomization.yaml: .*paused/);
  assert.match(await place('Service', 'spec', 'type'), /^overlay\/kustomization.yaml: .*NodePort/);
});

test('patchesStrategicMerge may hold whole patches beside paths', async (t) => {
  const place = await rendered(t, {
    'base/kustomization.yaml': base,
    'overlay/paused.yaml':
      'apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  paused: true\n',
    'overlay/kustomization.yaml':
      'resources: [../base]\npatchesStrategicMerge:\n  - paused.yaml\n  - |-\n    apiVersion: apps/v1\n    kind: Deployment\n    metadata: {name: web}\n    spec:\n      replicas: 9\n',
  });
  assert.equal(await place('Deployment', 'spec', 'replicas'), 'overlay/kustomization.yaml: replicas: 9');
  assert.equal(await place('Deployment', 'spec', 'paused'), 'overlay/paused.yaml: paused: true');
});
