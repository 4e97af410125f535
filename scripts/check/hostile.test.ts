import assert from 'node:assert/strict';
import { mkdir, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { CannotRun } from '../cli.ts';
import { check } from './check.ts';
import { sourceLines } from './formats/judged.ts';
import { copy, spoil } from './spoilt-copy.ts';

const prod = 'overlays/prod/kustomization.yaml';

/** The rules that are found, those of the renders that then fail left out. */
async function rulesFound(root: string): Promise<string[]> {
  const { report } = await check(root, [], () => {});
  assert.ok(report.findings.length > 0);
  return [...new Set(report.findings.map(({ rule }) => rule))].filter((rule) => rule !== 'render-failed');
}

async function folderBeside(t: TestContext, root: string): Promise<string> {
  const folder = `${root}-outside`;
  await mkdir(folder);
  t.after(() => rm(folder, { recursive: true }));
  await writeFile(path.join(folder, 'secret.yaml'), 'apiVersion: v1\nkind: Secret\nmetadata: {name: x}\n');
  await writeFile(path.join(folder, 'kustomization.yaml'), 'resources: [secret.yaml]\n');
  return folder;
}

test('a base outside the repository is neither read nor rendered', async (t) => {
  const root = await copy(t);
  const outside = await folderBeside(t, root);
  await spoil(root, prod, 'resources:\n', `resources:\n  - ../../../${path.basename(outside)}\n`);
  assert.deepEqual(await rulesFound(root), ['outside-repository']);
});

test('a link out of the repository is neither read nor rendered, listed or not', async (t) => {
  const root = await copy(t);
  const outside = await folderBeside(t, root);
  await symlink(path.join(outside, 'secret.yaml'), path.join(root, 'overlays/prod/linked.yaml'));
  assert.deepEqual(await rulesFound(root), ['outside-repository', 'unlisted-file']);
  await spoil(root, prod, 'resources:\n', 'resources:\n  - linked.yaml\n');
  assert.deepEqual(await rulesFound(root), ['outside-repository']);
  assert.equal(sourceLines(root)({ file: 'overlays/prod/linked.yaml', line: 1 }), '', 'nor shown');
});

test('a link to a folder is not followed, and never passed over, whether an Application leads there or not', async (t) => {
  for (const to of ['../base', '../base/quote-app', '..', '../nowhere-near']) {
    const root = await copy(t);
    await mkdir(path.join(root, 'nowhere-near'));
    await symlink(to, path.join(root, 'overlays/evil'));
    assert.deepEqual(await rulesFound(root), ['unlisted-file'], to);
  }
  const root = await copy(t);
  await symlink('../base', path.join(root, 'overlays/evil'));
  await symlink('dev', path.join(root, 'overlays/devil'));
  await spoil(root, 'apps/dev.yaml', 'path: overlays/dev', 'path: overlays/devil');
  const { report } = await check(root, [], () => {});
  assert.ok(report.findings.some(({ file }) => file === 'overlays/devil'));
  assert.ok(report.findings.some(({ file }) => file === 'overlays/evil'));
});

test('a link in a circle is a finding', async (t) => {
  const root = await copy(t);
  await symlink('loop.yaml', path.join(root, 'overlays/prod/loop.yaml'));
  await spoil(root, prod, 'resources:\n', 'resources:\n  - loop.yaml\n');
  assert.deepEqual(await rulesFound(root), ['missing-file', 'outside-repository']);
});

test('bases in a circle end with a finding', async (t) => {
  const root = await copy(t);
  await spoil(root, 'base/postgres-ha/kustomization.yaml', 'resources:\n', 'resources:\n  - ../quote-app\n');
  await spoil(root, 'base/quote-app/kustomization.yaml', 'resources:\n', 'resources:\n  - ../postgres-ha\n');
  const { report } = await check(root, [], () => {});
  assert.match(report.findings.map(({ message }) => message).join(), /cycle/);
});

test('what would be fetched is not: no request leaves, whatever names it', async (t) => {
  let requests = 0;
  const server = createServer((_, response) => {
    requests += 1;
    response.end('apiVersion: v1\nkind: ConfigMap\nmetadata: {name: fetched}\n');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const address = server.address();
  const url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}/x.yaml`;
  const named: Record<string, string> = {
    resources: `resources:\n  - ${url}\n`,
    components: `components:\n  - ${url}\n`,
    patches: `patches:\n  - path: ${url}\n`,
    'a generator': `configMapGenerator:\n  - name: x\n    files: [a=${url}]\n`,
    'what Kustomize calls deprecated': `patchesStrategicMerge:\n  - ${url}\n`,
    'a host without a scheme': `resources:\n  - 127.0.0.1/owner/repository//base\n`,
    'a generator of its own': `generators:\n  - |-\n    apiVersion: builtin\n    kind: ConfigMapGenerator\n    metadata: {name: x}\n    env: ${url}\n`,
    'a generator in an older form': `configMapGenerator:\n  - name: x\n    env: ${url}\n`,
    'a transformer in place on one line': `transformers:\n  - '{apiVersion: builtin, kind: PatchTransformer, metadata: {name: x}, path: "${url}"}'\n`,
    'a transformer in place': `transformers:\n  - |-\n    apiVersion: builtin\n    kind: PatchTransformer\n    metadata: {name: x}\n    path: ${url}\n`,
  };
  for (const [what, text] of Object.entries(named)) {
    const root = await copy(t);
    await spoil(root, prod, '', `apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n${text}`);
    const { report } = await check(root, [path.join(root, 'overlays/prod')], () => {});
    assert.notEqual(report.findings.length, 0, what);
  }
  assert.equal(requests, 0);
});

test("plug-ins that are not Kustomize's own leave nothing rendered, and say so", async (t) => {
  const root = await copy(t);
  const plugins: Record<string, string> = {
    'a program': 'apiVersion: example.com/v1\nkind: Sealer\nmetadata: {name: x}\n',
    'a generator that runs Helm':
      'apiVersion: builtin\nkind: HelmChartInflationGenerator\nmetadata: {name: x}\n',
    'no plug-in at all': '- 1\n',
  };
  for (const [what, text] of Object.entries(plugins)) {
    for (const field of ['transformers', 'generators']) {
      await spoil(root, 'overlays/prod/plugin.yaml', '', text);
      await spoil(
        root,
        prod,
        '',
        `apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [../dev]\n${field}: [plugin.yaml]\n`,
      );
      const { report } = await check(root, [path.join(root, 'overlays/prod')], () => {});
      const found = report.findings.map(({ rule, file }) => `${rule} ${file}`);
      const file = 'overlays/prod/plugin.yaml';
      assert.deepEqual(found, [`render-failed ${file}`, `unknown-kind ${file}`], what);
      assert.match(
        report.findings[0]?.message ?? '',
        /plugin.yaml: .* is none of the \w+ that the check lets/,
      );
    }
  }
  await mkdir(path.join(root, 'overlays/prod/derived'));
  await rm(path.join(root, 'overlays/prod/plugin.yaml'));
  await spoil(
    root,
    'overlays/prod/derived/kustomization.yaml',
    '',
    'apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nnamePrefix: x-\nresources: [../../../base/registry]\n',
  );
  await spoil(root, prod, 'plugin.yaml', 'derived');
  await spoil(root, prod, 'generators', 'transformers');
  const { report } = await check(root, [path.join(root, 'overlays/prod')], () => {});
  assert.deepEqual(
    report.findings.map(({ rule }) => rule),
    ['render-failed', 'unknown-kind'],
  );
});

test('files that are binary, empty, or no YAML are findings, never a crash', async (t) => {
  const bytes: Record<string, string | Uint8Array> = {
    binary: Uint8Array.from({ length: 4096 }, (_, at) => (at * 7919) % 256),
    empty: '',
    'only a comment': '# nothing\n',
    'a list': '- 1\n',
    'a word': 'word\n',
    'aliases upon aliases': `a: &a [x]\n${Array.from({ length: 30 }, (_, at) => `${'b'.repeat(at + 1)}: &${'b'.repeat(at + 1)} [${`*${at === 0 ? 'a' : 'b'.repeat(at)}, `.repeat(9)}]`).join('\n')}\n`,
  };
  for (const [what, content] of Object.entries(bytes)) {
    const root = await copy(t);
    await writeFile(path.join(root, 'base/quote-app/service.yaml'), content);
    const { report } = await check(root, [], () => {});
    assert.notEqual(report.findings.length, 0, what);
  }
});

test('what is nested without end is a finding that says so, in a manifest, a kustomization and a file given', async (t) => {
  const root = await copy(t);
  const deep: Record<string, string> = {
    lists: `${'['.repeat(50_000)}${']'.repeat(50_000)}`,
    maps: `${'{a: '.repeat(50_000)}1${'}'.repeat(50_000)}`,
    items: `${'- '.repeat(50_000)}x`,
    lines: Array.from({ length: 1500 }, (_, at) => `${' '.repeat(at)}a:`).join('\n'),
  };
  for (const [what, value] of Object.entries(deep)) {
    const nested = `a:\n${value.replace(/^/gm, '  ')}\n`;
    for (const file of ['base/quote-app/service.yaml', prod]) {
      await spoil(root, file, '', nested);
      const paths = file === prod ? ['overlays/prod'] : ['overlays/dev', file];
      for (const given of paths) {
        const { report } = await check(root, [path.join(root, given)], () => {});
        const found = report.findings.find(({ rule }) => rule === 'yaml-syntax');
        assert.match(found?.message ?? '', /^nested too deeply/, `${what} in ${file}`);
        assert.equal(found?.file, file);
      }
    }
  }
});

test('a file of 100 MB ends the check with a word, not with the memory', async (t) => {
  const root = await copy(t);
  await truncate(path.join(root, 'base/quote-app/service.yaml'), 100 * 1024 * 1024);
  await assert.rejects(
    check(root, [], () => {}),
    (error) => {
      assert.ok(error instanceof CannotRun);
      assert.match(error.message, /service.yaml cannot be read .*bytes/);
      return true;
    },
  );
});

test('patterns that take other engines for ever are judged at once', async (t) => {
  const root = await copy(t);
  await spoil(
    root,
    prod,
    'patches:\n',
    `patches:\n  - target: {kind: "(D|De|Dep|[A-z]+)*x"}\n    patch: |-\n      - op: remove\n        path: /spec\n`,
  );
  const policy = 'policies/owner-labels/policy.yaml';
  await spoil(
    root,
    policy,
    'validations:\n',
    `validations:\n    - expression: "!('${'a'.repeat(5000)}' + object.kind).matches('^(a+)+$b')"\n`,
  );
  assert.deepEqual(await rulesFound(root), ['dead-entry']);
});

test('an expression that takes too many steps denies, as its failurePolicy says, and says why', async (t) => {
  const root = await copy(t);
  const policy = 'policies/secret-in-config-map/policy.yaml';
  const loops = `'${'x'.repeat(150)}'.split('')`;
  await spoil(
    root,
    policy,
    'validations:\n',
    `validations:\n    - expression: "${loops}.all(a, ${loops}.all(b, ${loops}.all(c, a + b + c != object.kind)))"\n`,
  );
  const { report } = await check(root, [path.join(root, 'overlays/dev')], () => {});
  const messages = new Set(
    report.findings.map(({ rule, message }) => `${rule}: ${message.replace(/^.* ended/, 'ended')}`),
  );
  assert.deepEqual(
    [...messages],
    [
      'secret-in-config-map: ended in an error: it takes more than 1,000,000 steps: loop over less, or filter before a loop within a loop',
    ],
  );
});
