import assert from 'node:assert/strict';
import { test } from 'node:test';
import { base, container, deployment, rendered } from './rendered.ts';

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

test('a replacement may copy from the one object of a kind, from an item of a list, and a part of a text', async (t) => {
  const copy = (source: string, annotation: string, options = '{create: true}') =>
    `  - source: ${source}\n    targets:\n      - select: {kind: Namespace}\n        fieldPaths: [metadata.annotations.${annotation}]\n        options: ${options}\n`;
  const place = await rendered(t, {
    'base/kustomization.yaml': base,
    'base/deployment.yaml': deployment.replace('image: web', 'image: web:7'),
    'overlay/namespace.yaml': 'apiVersion: v1\nkind: Namespace\nmetadata: {name: any}\n',
    'overlay/class.yaml':
      'apiVersion: scheduling.k8s.io/v1\nkind: PriorityClass\nmetadata: {name: class}\nvalue: 7\n',
    'overlay/kustomization.yaml': `namespace: there\nresources: [../base, namespace.yaml, class.yaml]\nreplacements:\n${copy(
      '{kind: PriorityClass}',
      'class',
    )}${copy('{kind: PriorityClass, fieldPath: value}', 'number')}${copy(
      "{kind: Deployment, name: web, fieldPath: 'spec.template.spec.containers.[name=web].image', options: {delimiter: ':', index: 1}}",
      'version',
    )}${copy('{kind: Deployment, name: web, fieldPath: spec.template.spec.containers.1.command.0}', 'command')}`,
  });
  const said = (annotation: string) => place('Namespace', 'metadata', 'annotations', annotation);
  assert.equal(await said('class'), 'overlay/class.yaml: metadata: {name: class}');
  assert.equal(await said('number'), 'overlay/class.yaml: value: 7');
  assert.equal(await said('version'), 'base/deployment.yaml: image: web:7');
  assert.equal(await said('command'), 'base/deployment.yaml: command: [run]');
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
