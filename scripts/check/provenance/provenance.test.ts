import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import type { FieldPath, RenderedObject } from '../model.ts';
import { findKustomize } from '../programs.ts';
import { renderKustomization } from '../render.ts';
import { YamlFiles } from '../yaml/yaml-files.ts';
import { placeOf } from './provenance.ts';

const deployment = `apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  replicas: 1
  template:
    spec:
      containers:
        - name: side
          image: side:1
        - name: web
          image: web
          command: [run]
`;

const base = 'resources:\n  - deployment.yaml\n';

/** Folders as given, rendered from `overlay`. The place of a field of the object of that KIND, or KIND/NAME. */
async function rendered(t: TestContext, tree: Record<string, string>) {
  const root = await mkdtemp(path.join(tmpdir(), 'quotes-provenance-'));
  t.after(() => rm(root, { recursive: true }));
  for (const [file, text] of Object.entries({ 'base/deployment.yaml': deployment, ...tree })) {
    await mkdir(path.dirname(path.join(root, file)), { recursive: true });
    await writeFile(path.join(root, file), text);
  }
  const kustomize = await findKustomize(() => {});
  const files = new YamlFiles();
  const target = { role: 'environment', environment: 'x', dir: path.join(root, 'overlay') } as const;
  const { objects, error } = await renderKustomization(kustomize, target, path.join(root, 'scratch'), files);
  assert.equal(error, undefined);
  return async (kind: string, ...field: FieldPath): Promise<string> => {
    const [wanted, name] = kind.split('/');
    const object = objects.find(
      ({ id }) => id.kind === wanted && (name ?? id.name) === id.name,
    ) as RenderedObject;
    assert.notEqual(object, undefined);
    const { file, line = 0 } = await placeOf({ object, path: field, message: '' }, files, objects);
    const text = (await readFile(file, 'utf8')).split('\n')[line - 1]?.trim();
    return `${path.relative(root, file)}: ${text}`;
  };
}

const container = ['spec', 'template', 'spec', 'containers'] as const;

test('a value that no layer touches is placed in the base that has it', async (t) => {
  const place = await rendered(t, {
    'base/kustomization.yaml': base,
    'overlay/kustomization.yaml': 'resources: [../base]\n',
  });
  assert.equal(await place('Deployment', 'spec', 'replicas'), 'base/deployment.yaml: replicas: 1');
  assert.equal(
    await place('Deployment', ...container, 1, 'image'),
    'base/deployment.yaml: image: web',
    'by position in the list',
  );
});

test('a missing value is placed at the nearest part of its path in the base', async (t) => {
  const place = await rendered(t, {
    'base/kustomization.yaml': base,
    'overlay/kustomization.yaml':
      'resources: [../base]\npatches:\n  - patch: |-\n      kind: Deployment\n      apiVersion: apps/v1\n      metadata: {name: web}\n      spec: {paused: true}\n',
  });
  assert.equal(
    await place('Deployment', ...container, 1, 'livenessProbe'),
    'base/deployment.yaml: - name: web',
  );
  assert.equal(
    await place('Deployment', ...container, 0, 'resources', 'limits'),
    'base/deployment.yaml: - name: side',
  );
});

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

test('an image is placed at the entry that gave its digest, tag or name', async (t) => {
  const tree = (images: string) => ({
    'base/kustomization.yaml': `${base}images:\n  - name: web\n    newTag: base\n`,
    'overlay/kustomization.yaml': `resources: [../base]\n${images}`,
  });
  const untouched = await rendered(t, tree(''));
  assert.equal(
    await untouched('Deployment', ...container, 1, 'image'),
    'base/kustomization.yaml: newTag: base',
  );
  const renamed = await rendered(
    t,
    tree('images:\n  - name: web\n    newName: registry.example/web\n    newTag: latest\n'),
  );
  assert.equal(
    await renamed('Deployment', ...container, 1, 'image'),
    'overlay/kustomization.yaml: newTag: latest',
  );
  assert.equal(await renamed('Deployment', ...container, 0, 'image'), 'base/deployment.yaml: image: side:1');
});

test('a generated value is placed at the literal, or at the entry that could have it', async (t) => {
  const place = await rendered(t, {
    'base/kustomization.yaml': `${base}configMapGenerator:\n  - name: settings\n    literals:\n      - a=1\n      - b=2\n`,
    'overlay/kustomization.yaml':
      'resources: [../base]\nnamePrefix: x-\nconfigMapGenerator:\n  - name: settings\n    behavior: merge\n    literals:\n      - b=3\n',
  });
  assert.equal(await place('ConfigMap', 'data', 'a'), 'base/kustomization.yaml: - a=1');
  assert.equal(await place('ConfigMap', 'data', 'b'), 'overlay/kustomization.yaml: - b=3');
  assert.equal(await place('ConfigMap', 'data', 'c'), 'base/kustomization.yaml: - name: settings');
});

test('names, namespace, labels and replacements are placed at the line that gives them', async (t) => {
  const place = await rendered(t, {
    'base/kustomization.yaml': `${base}namePrefix: pre-\nlabels:\n  - pairs:\n      team: a\n    includeTemplates: true\n`,
    'overlay/source.yaml': 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: source}\ndata: {n: "7"}\n',
    'overlay/kustomization.yaml':
      'namespace: there\nresources:\n  - ../base\n  - source.yaml\nreplacements:\n  - source: {kind: ConfigMap, name: source, fieldPath: data.n}\n    targets:\n      - select: {kind: Deployment}\n        fieldPaths:\n          - spec.template.spec.containers.[name=side].image\n',
  });
  assert.equal(await place('Deployment', 'metadata', 'name'), 'base/kustomization.yaml: namePrefix: pre-');
  assert.equal(
    await place('Deployment', 'metadata', 'namespace'),
    'overlay/kustomization.yaml: namespace: there',
  );
  assert.equal(
    await place('Deployment', 'spec', 'template', 'metadata', 'labels', 'team'),
    'base/kustomization.yaml: team: a',
  );
  assert.equal(await place('Deployment', ...container, 0, 'image'), 'overlay/source.yaml: data: {n: "7"}');
  assert.equal(await place('Deployment', 'spec', 'replicas'), 'base/deployment.yaml: replicas: 1');
});

test('of two instances of one base each has its own layers, by its name or by its namespace', async (t) => {
  const instance = (field: string, replicas: number) =>
    `${field}\nresources: [../base]\npatches:\n  - target: {kind: Deployment}\n    patch: |-\n      - {op: replace, path: /spec/replicas, value: ${replicas}}\n`;
  const named = await rendered(t, {
    'base/kustomization.yaml': base,
    'one/kustomization.yaml': instance('namePrefix: one-', 2),
    'two/kustomization.yaml': instance('nameSuffix: -two', 3),
    'overlay/kustomization.yaml': 'resources: [../one, ../two]\nnamePrefix: our-\n',
  });
  assert.match(await named('Deployment/our-one-web', 'spec', 'replicas'), /^one\/.*2/);
  assert.match(await named('Deployment/our-web-two', 'spec', 'replicas'), /^two\/.*3/);
  const within = await rendered(t, {
    'base/kustomization.yaml': base,
    'one/kustomization.yaml': instance('namespace: one', 2),
    'two/kustomization.yaml': instance('namespace: two', 3),
    'overlay/without-one.yaml':
      '$patch: delete\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: one}\n',
    'overlay/kustomization.yaml': 'resources: [../one, ../two]\npatches: [{path: without-one.yaml}]\n',
  });
  assert.match(await within('Deployment', 'spec', 'replicas'), /^two\/.*3/);
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

test('a value from an env file is placed at its line there', async (t) => {
  const place = await rendered(t, {
    'base/kustomization.yaml': `${base}configMapGenerator:\n  - name: settings\n    envs: [settings.env]\n`,
    'base/settings.env': '# b=0\na=1\nb=2=3\n',
    'overlay/kustomization.yaml':
      'resources: [../base]\nconfigMapGenerator:\n  - name: settings\n    behavior: merge\n    literals: [a=4]\n',
  });
  assert.equal(await place('ConfigMap', 'data', 'b'), 'base/settings.env: b=2=3');
  assert.match(await place('ConfigMap', 'data', 'a'), /^overlay\/kustomization.yaml/);
});

test('what a replacement copies is placed where it was copied from, while that says the same', async (t) => {
  const place = await rendered(t, {
    'base/kustomization.yaml': `${base}configMapGenerator:\n  - name: versions\n    literals:\n      - web=web:7\n      - side=side:7\nreplacements:\n  - path: copies.yaml\n`,
    'base/copies.yaml': [
      '- source: {kind: ConfigMap, name: versions, fieldPath: data.web}',
      '  targets:',
      '    - select: {kind: Deployment}',
      '      reject: [{name: other}]',
      '      fieldPaths:',
      '        - spec.template.spec.containers.[name=web].image',
      '- source: {kind: ConfigMap, name: versions, fieldPath: data.side}',
      '  targets:',
      '    - select: {kind: Deployment}',
      '      reject: [{name: other}]',
      '      fieldPaths:',
      '        - spec.template.spec.containers.[name=side].image',
      '',
    ].join('\n'),
    'overlay/other.yaml': deployment.replace('name: web', 'name: other'),
    'overlay/kustomization.yaml':
      'resources: [../base, other.yaml]\nconfigMapGenerator:\n  - name: versions\n    behavior: merge\n    literals: [side=side:8]\n',
  });
  assert.equal(
    await place('Deployment/web', ...container, 1, 'image'),
    'base/kustomization.yaml: - web=web:7',
  );
  assert.match(
    await place('Deployment/web', ...container, 0, 'image'),
    /^base\/copies.yaml: .*name=side/,
    'merged after the replacement',
  );
  assert.equal(
    await place('Deployment/other', ...container, 0, 'image'),
    'overlay/other.yaml: image: side:1',
  );
});

test("Kustomize's own transformers and generators render, in files, folders and in place, and are places", async (t) => {
  const plugin = (kind: string, rest: string) =>
    `apiVersion: builtin\nkind: ${kind}\nmetadata:\n  name: plug-in\n${rest}`;
  const spec = (...paths: string[]) =>
    `fieldSpecs:\n${paths.map((path) => `  - {path: ${path}, create: true}\n`).join('')}`;
  const place = await rendered(t, {
    'base/kustomization.yaml': base,
    'overlay/more/kustomization.yaml': 'resources: [labels.yaml, names.yaml]\n',
    'overlay/more/labels.yaml': plugin(
      'LabelTransformer',
      `labels:\n  team: a\n${spec('metadata/labels', 'spec/template/metadata/labels')}`,
    ),
    'overlay/more/names.yaml': [
      plugin('PrefixTransformer', `prefix: our-\n${spec('metadata/name')}`),
      plugin('SuffixTransformer', `suffix: -x\n${spec('metadata/name')}`),
      plugin('NamespaceTransformer', spec('metadata/namespace')).replace(
        'name: plug-in',
        'name: plug-in\n  namespace: there',
      ),
    ].join('---\n'),
    'overlay/patch.yaml': plugin('PatchTransformer', 'path: paused.json\ntarget: {kind: Deployment}\n'),
    'overlay/paused.json': '[\n{"op": "add", "path": "/spec/paused", "value": true}\n]\n',
    'overlay/replicas.yaml': plugin(
      'ReplicaCountTransformer',
      `replica:\n  name: web\n  count: 7\n${spec('spec/replicas')}`,
    ),
    'overlay/replacement.yaml': plugin('ReplacementTransformer', 'replacements:\n  - path: copies.yaml\n'),
    'overlay/copies.yaml':
      'source: {kind: ConfigMap, name: settings, fieldPath: data.b}\ntargets:\n  - select: {kind: Deployment}\n    fieldPaths:\n      - spec.template.spec.containers.[name=side].image\n',
    'overlay/settings.yaml': plugin(
      'ConfigMapGenerator',
      'literals:\n  - a=1\nenvs: [settings.env]\n',
    ).replace('plug-in', 'settings'),
    'overlay/settings.env': 'b=2\n',
    'overlay/kustomization.yaml': [
      'resources: [../base]',
      'generators: [settings.yaml]',
      'transformers:',
      '  - replicas.yaml',
      '  - replacement.yaml',
      '  - more',
      '  - patch.yaml',
      '  - |-',
      '    apiVersion: builtin',
      '    kind: PatchTransformer',
      '    metadata: {name: in-place}',
      '    target: {kind: Deployment}',
      '    patch: |-',
      '      apiVersion: apps/v1',
      '      kind: Deployment',
      '      metadata: {name: any}',
      '      spec:',
      '        minReadySeconds: 3',
      '',
    ].join('\n'),
  });
  const web = 'Deployment/our-web-x';
  assert.equal(await place(web, 'metadata', 'labels', 'team'), 'overlay/more/labels.yaml: team: a');
  assert.equal(
    await place(web, 'spec', 'template', 'metadata', 'labels', 'team'),
    'overlay/more/labels.yaml: team: a',
  );
  assert.equal(await place(web, 'metadata', 'name'), 'overlay/more/names.yaml: suffix: -x');
  assert.equal(await place(web, 'metadata', 'namespace'), 'overlay/more/names.yaml: namespace: there');
  assert.match(await place(web, 'spec', 'paused'), /^overlay\/paused.json: .*paused/);
  assert.equal(await place(web, 'spec', 'replicas'), 'overlay/replicas.yaml: count: 7');
  assert.equal(await place(web, ...container, 0, 'image'), 'overlay/settings.env: b=2');
  assert.equal(await place(web, 'spec', 'minReadySeconds'), 'overlay/kustomization.yaml: minReadySeconds: 3');
  assert.equal(await place('ConfigMap', 'data', 'a'), 'overlay/settings.yaml: - a=1');
  assert.equal(await place('ConfigMap', 'data', 'b'), 'overlay/settings.env: b=2');
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
