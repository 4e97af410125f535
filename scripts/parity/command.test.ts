import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { stripVTControlCharacters, styleText } from 'node:util';
import { execa } from 'execa';
import { copy, spoil } from '../check/spoilt-copy.ts';
import { repoRoot } from '../paths.ts';
import type { Parity } from './model.ts';

/** The command with a pipe for standard output. */
function command(args: string[], env: NodeJS.ProcessEnv = {}) {
  const script = path.join(repoRoot, 'scripts/environments.ts');
  return execa(process.execPath, ['--disable-warning=ExperimentalWarning', script, ...args], {
    env: { FORCE_COLOR: undefined, NO_COLOR: undefined, ...env },
    reject: false,
  });
}

test('it ends with 0 where every difference is intended, in each format', async () => {
  const plain = await command([]);
  assert.deepEqual([plain.exitCode, plain.stderr], [0, '']);
  assert.equal(stripVTControlCharacters(plain.stdout), plain.stdout);
  assert.match(
    plain.stdout,
    /^dev \(namespace dev\), staging \(namespace staging\), prod \(namespace prod\)$/m,
  );
  assert.match(
    plain.stdout,
    /^Deployment quote-app \(apps\)\n {2}spec\.replicas +1 +2 +3\n +kustomization\.yaml:\d+ /m,
  );
  assert.ok(plain.stdout.split('\n').every((line) => line.length <= 120));
  assert.ok(
    (await command([], { FORCE_COLOR: '1' })).stdout.includes(
      styleText('bold', 'Deployment quote-app (apps)', { validateStream: false }),
    ),
  );

  const json = await command(['--json', 'staging', 'prod']);
  const { environments, differences } = JSON.parse(json.stdout) as Parity;
  assert.deepEqual(
    environments.map(({ name }) => name),
    ['staging', 'prod'],
  );
  assert.ok(differences.length > 0);

  const { stdout } = await command(['--format', 'markdown']);
  assert.match(stdout, /^✅ \*\*\d+ differences in \d+ objects, and an overlay says each\*\*\n/);
  assert.match(
    stdout,
    /^\| +\| Deployment quote-app \(apps\) +\| spec\.replicas +\| 1<br><sub>kustomization\.yaml:\d+<\/sub>/m,
  );
});

test('it ends with 1 where one is not, which it marks, with the place that each value comes from', async (t) => {
  const root = await copy(t);
  const component = (value: string) =>
    `apiVersion: kustomize.config.k8s.io/v1alpha1
kind: Component
patches:
  - patch: |-
      apiVersion: v1
      kind: Service
      metadata:
        name: edge
      spec:
        sessionAffinity: ${value}
`;
  for (const [name, value] of [
    ['sticky', 'ClientIP'],
    ['loose', 'None'],
  ] as const) {
    await mkdir(path.join(root, 'base', name));
    await writeFile(path.join(root, 'base', name, 'kustomization.yaml'), component(value));
  }
  for (const environment of ['dev', 'staging', 'prod']) {
    const names = environment === 'prod' ? ['loose', 'sticky'] : ['sticky', 'loose'];
    const lines = names.map((name) => `  - ../../base/${name}\n`).join('');
    await spoil(root, `overlays/${environment}/kustomization.yaml`, 'components:\n', `components:\n${lines}`);
  }
  const { exitCode, stdout } = await command(['--root', root]);
  assert.equal(exitCode, 1);
  assert.match(stdout, /^✗ spec\.sessionAffinity +None +None +ClientIP$/m);
  assert.match(stdout, /^ {2}no overlay says so +base\/loose\/[\s\S]*base\/sticky\//m);
  assert.match(stdout, /^✗ \d+ differences in \d+ objects, of which no overlay explains 1$/m);
  const comment = await command(['--root', root, '--format', 'markdown']);
  assert.match(comment.stdout, /^❌ .*\n\n.*\n\n\|.*\|\n\|.*\|\n\| ❌ no overlay says so \| Service edge /);
  assert.equal((await command(['--root', root, 'dev', 'staging'])).exitCode, 0);
});

test('it ends with 2 where nothing can be compared, and names the next step', async () => {
  const wrong: [string[], RegExp][] = [
    [['dev', 'test'], /^there is no environment "test"\. Name two or more of dev, staging, prod\.$/],
    [['prod'], /^prod alone differs from nothing: name another beside it/],
    [['--format', 'html'], /^there is no format "html": take one of terminal, json, markdown\.$/],
    [['--json', '--format', 'markdown'], /leave one of --json and --format markdown away/],
    [['--root', '/nowhere'], /^--root \/nowhere: there is no folder/],
    [['--dry-run'], /Unknown option '--dry-run'.*See --help\.$/],
  ];
  for (const [args, says] of wrong) {
    const { exitCode, stdout, stderr } = await command(args);
    assert.deepEqual([exitCode, stdout], [2, ''], args.join(' '));
    assert.match(stderr, says);
  }
  assert.match((await command(['--help'])).stdout, /^Usage: npm run environments/);
});
