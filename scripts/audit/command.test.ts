import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { stripVTControlCharacters, styleText } from 'node:util';
import { execa } from 'execa';
import { repoRoot } from '../paths.ts';
import { asLive, type ClusterDouble } from './cluster-double.ts';
import { readGit } from './git.ts';
import type { Audit } from './model.ts';
import { syncedCluster } from './synced-double.ts';

/** The command with a pipe for standard output. */
function command(args: string[], env: NodeJS.ProcessEnv = {}) {
  const script = path.join(repoRoot, 'scripts/audit.ts');
  return execa(process.execPath, ['--disable-warning=ExperimentalWarning', script, ...args], {
    env: { FORCE_COLOR: undefined, NO_COLOR: undefined, ...env },
    reject: false,
  });
}

/** Puts a kubectl before all others that answers for a cluster. */
async function kubectlFor(t: TestContext, cluster: ClusterDouble): Promise<NodeJS.ProcessEnv> {
  const folder = await mkdtemp(path.join(tmpdir(), 'quotes-audit-'));
  t.after(() => rm(folder, { recursive: true }));
  await writeFile(path.join(folder, 'cluster.json'), JSON.stringify(cluster));
  const program = path.join(folder, 'kubectl.mjs');
  await writeFile(
    program,
    `import { readFileSync } from 'node:fs';
import { kubectlOf } from ${JSON.stringify(path.join(import.meta.dirname, 'cluster-double.ts'))};
const args = process.argv.slice(2).filter((arg) => !arg.startsWith('--context='));
const cluster = JSON.parse(readFileSync(${JSON.stringify(path.join(folder, 'cluster.json'))}, 'utf8'));
if (args[0] !== 'version') {
  const input = args.includes('--filename=-') ? readFileSync(0, 'utf8') : '';
  process.stdout.write(await kubectlOf(cluster)(args, input));
}
`,
  );
  const run = `#!/bin/sh\nNODE_COMPILE_CACHE='${folder}/compiled' exec '${process.execPath}' --disable-warning=ExperimentalWarning '${program}' "$@"\n`;
  await writeFile(path.join(folder, 'kubectl'), run, { mode: 0o755 });
  return { PATH: `${folder}:${process.env.PATH}` };
}

const against = ['--context', 'double', '--root', repoRoot];

test('it ends with 0 where nothing is found, and says what was looked at', async (t) => {
  const env = await kubectlFor(t, syncedCluster(await readGit(repoRoot, () => {})));
  const { exitCode, stdout } = await command(against, env);
  assert.match(
    stdout,
    /^Policies: \d+ objects keep \d+ policies and \d+ rules over several objects\nDrift: \d+ Applications as in Git\nUnowned: none of \d+ objects\n\nno findings; dev, staging, prod at \//,
  );
  assert.equal(exitCode, 0);
  assert.equal(stripVTControlCharacters(stdout), stdout);
});

test('it ends with 1 where something is, in words and as JSON', async (t) => {
  const synced = syncedCluster(await readGit(repoRoot, () => {}));
  const manifest = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'left', namespace: 'dev' },
    data: { password: 'hunter2hunter2' },
  };
  const left = asLive(manifest, { managers: ['kubectl-create'] });
  const env = await kubectlFor(t, { objects: [...synced.objects, left] });
  const { exitCode, stdout } = await command([...against, 'dev'], { ...env, FORCE_COLOR: '1' });
  assert.equal(exitCode, 1);
  assert.ok(stdout.includes(styleText('bold', 'Unowned', { validateStream: false })));
  assert.match(
    stripVTControlCharacters(stdout),
    /^Policies\n {2}warning {2}secret-in-config-map {2}.* \(ConfigMap\/left in dev\)\nDrift: .*\nUnowned\n {2}warning {2}unowned-object {2}nobody owns it; made by kubectl-create on 2026-11-25T10:00:00Z \(ConfigMap\/left in dev\)\n\n2 findings \(1 policy, 0 drift, 1 unowned\); dev at \//,
  );

  const json = await command([...against, '--json', 'dev'], env);
  const { findings, coverage } = JSON.parse(json.stdout) as Audit;
  assert.equal(json.exitCode, 1);
  assert.deepEqual(
    findings.map(({ message: _, ...finding }) => finding),
    [
      {
        kind: 'policy',
        rule: 'secret-in-config-map',
        severity: 'warning',
        environment: 'dev',
        object: { kind: 'ConfigMap', namespace: 'dev', name: 'left' },
        fields: [{ path: 'data.password' }],
      },
      {
        kind: 'unowned',
        rule: 'unowned-object',
        severity: 'warning',
        environment: 'dev',
        object: { kind: 'ConfigMap', namespace: 'dev', name: 'left' },
      },
    ],
  );
  assert.deepEqual([coverage.git, coverage.environments], [repoRoot, ['dev']]);
  assert.doesNotMatch(stdout + json.stdout, /hunter2/);
});

test('help ends with 0; a mistake is told with what to do about it, and ends with 2', async (t) => {
  const help = await command(['--help']);
  assert.deepEqual([help.exitCode, help.stderr], [0, '']);
  assert.match(help.stdout, /^Usage: npm run audit -- \[--json\]/);

  const synced = syncedCluster(await readGit(repoRoot, () => {}));
  const env = await kubectlFor(t, synced);
  const isApplication = ({ kind }: { kind?: unknown }) => kind === 'Application';
  const empty = await kubectlFor(t, { objects: synced.objects.filter((one) => !isApplication(one)) });
  const mistakes: [string[], RegExp, NodeJS.ProcessEnv?][] = [
    [['--name', 'nowhere'], /^There is no cluster "nowhere": start it/],
    [[...against, 'production'], /production: no such environment\. There are dev, staging, prod\.$/, env],
    [['--context', 'double'], /^Argo CD has compared no Application with a commit yet: /, env],
    [['--context', 'double'], /^Argo CD has compared no Application with a commit yet: /, empty],
    [[...against.slice(0, 2), '--root', '/nowhere'], /^--root \/nowhere: there is no folder/, env],
    [
      ['--context', 'nowhere', '--root', repoRoot],
      /^kubectl get .*(nowhere|refused)/s,
      { KUBECONFIG: '/dev/null' },
    ],
    [['--watch'], /^Unknown option '--watch'.*See --help\.$/],
  ];
  for (const [args, words, env = {}] of mistakes) {
    const { exitCode, stdout, stderr } = await command(args, env);
    assert.deepEqual([exitCode, stdout], [2, ''], args.join(' '));
    assert.match(stderr, words);
    assert.doesNotMatch(stderr, /defect of the program/);
  }
});
