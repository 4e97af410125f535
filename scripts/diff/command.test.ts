import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { execa } from 'execa';
import { copy, spoil } from '../check/spoilt-copy.ts';
import { repoRoot } from '../paths.ts';
import type { Difference } from './model.ts';

/** The command with a pipe for standard output. */
function command(args: string[], env: NodeJS.ProcessEnv = {}) {
  return execa(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', path.join(repoRoot, 'scripts/diff.ts'), ...args],
    {
      cwd: repoRoot,
      env: { GITHUB_ACTIONS: '', FORCE_COLOR: undefined, NO_COLOR: undefined, ...env },
      reject: false,
    },
  );
}

/** A checkout with a Secret and a claim, on main, from which the working tree takes the claim and changes the Secret. */
async function checkout(t: TestContext): Promise<string> {
  const root = await copy(t);
  const secret = (password: string) =>
    `apiVersion: v1\nkind: Secret\nmetadata:\n  name: credentials\nstringData:\n  password: ${password}\n`;
  await writeFile(path.join(root, 'overlays/dev/secret.yaml'), secret('hunter2hunter2'));
  await spoil(root, 'overlays/dev/kustomization.yaml', 'resources:\n', 'resources:\n  - secret.yaml\n');
  const git = (...args: string[]) =>
    execa('git', ['-C', root, '-c', 'user.name=test', '-c', 'user.email=test@localhost', ...args]);
  await git('init', '--quiet', '--initial-branch=main');
  await git('add', '.');
  await git('commit', '--quiet', '--message=x');
  await writeFile(path.join(root, 'overlays/dev/secret.yaml'), secret('correct-horse'));
  await spoil(root, 'overlays/staging/kustomization.yaml', 'count: 2', 'count: 3');
  return root;
}

test('the three formats, and files besides, say the same, and none a secret', async (t) => {
  const root = await checkout(t);
  const files = ['json', 'markdown', 'terminal'].map((name) => path.join(root, `diff.${name}`));
  const outputs = files.flatMap((file) => ['--output', `${path.extname(file).slice(1)}=${file}`]);
  const { exitCode, stdout, stderr } = await command(['--root', root, ...outputs]);
  assert.deepEqual([exitCode, stderr], [0, '']);
  assert.match(stdout, /stringData\.password: \(not shown\) → \(changed, not shown\)/);
  const [json = '', markdown = '', terminal = ''] = await Promise.all(
    files.map((file) => readFile(file, 'utf8')),
  );
  assert.equal(terminal.trimEnd(), stdout);
  for (const text of [stdout, json, markdown]) {
    assert.doesNotMatch(text, /hunter2|correct-horse/);
    assert.match(text, /Secret\/credentials in dev/);
    assert.match(text, /more-replicas/);
  }
  const { parts } = JSON.parse(json) as Difference;
  assert.deepEqual(
    parts.map(({ name, impact }) => [name, impact]),
    [
      ['dev', 'config'],
      ['staging', 'scale-up'],
    ],
  );
  const named = JSON.parse((await command(['--root', root, '--json', 'HEAD'])).stdout) as Difference;
  assert.match(named.from, /^HEAD \([0-9a-f]{10}\)$/);
  assert.deepEqual(named.parts, parts);
});

test('what is grave ends with 1, and in Actions nothing of it is a command', async (t) => {
  const root = await checkout(t);
  await spoil(root, 'base/postgres-single/persistent-volume-claim.yaml', 'ReadWriteOnce', 'ReadWriteMany');
  const { exitCode, stdout } = await command(['--root', root], { GITHUB_ACTIONS: 'true' });
  assert.equal(exitCode, 1);
  assert.match(stdout, /^::stop-commands::/);
  assert.match(stdout, /Acknowledge-Impact: PersistentVolumeClaim\/postgres-data in dev: WHY/);
});

test('a mistake is told with what to do about it, and ends with 2', async () => {
  const mistakes: [string[], RegExp][] = [
    [['--root', '/nowhere'], /^--root \/nowhere: there is no such folder\. Give a checkout/],
    [['--message', '/nowhere'], /^--message \/nowhere: there is no such file\. Give the file/],
    [['--format', 'sarif'], /^there is no format "sarif": give one of terminal, json, markdown\.$/],
    [['--json', '--format', 'markdown'], /^--json is --format json: leave one/],
    [['--output', 'markdown'], /^--output takes NAME=FILE/],
    [['HEAD', 'main'], /^one REF is compared with, and "main" is another/],
    [['--name', 'x'], /^--name and --context say which cluster --live compares with/],
    [['--live', 'HEAD'], /^--live compares with the cluster: leave REF/],
    [['--live', '--name', 'nowhere'], /^There is no cluster "nowhere"/],
    [['no-such-commit'], /^git knows no commit "no-such-commit" in .*\. Fetch it, or name another\.$/],
    [['--nonsense'], /^Unknown option '--nonsense'.*See --help\.$/],
  ];
  for (const [args, words] of mistakes) {
    const { exitCode, stdout, stderr } = await command(args);
    assert.deepEqual([exitCode, stdout], [2, ''], args.join(' '));
    assert.match(stderr, words);
  }
});
