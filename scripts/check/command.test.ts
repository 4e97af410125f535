import assert from 'node:assert/strict';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { execa } from 'execa';
import { impactsDocument } from '../diff/impact-docs.ts';
import { repoRoot } from '../paths.ts';
import { writeGenerated } from './generated.ts';
import { rulesDocument, writeRulesCommand } from './rule-docs.ts';
import { copy, spoil, spoilable } from './spoilt-copy.ts';

/** The command with a pipe for standard output, from `cwd`. */
function command(
  args: string[],
  { cwd = repoRoot, env = {} }: { cwd?: string; env?: NodeJS.ProcessEnv } = {},
) {
  return execa(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', path.join(repoRoot, 'scripts/check.ts'), ...args],
    { cwd, env: { GITHUB_ACTIONS: '', FORCE_COLOR: undefined, NO_COLOR: undefined, ...env }, reject: false },
  );
}

/** Another checkout, with too few replicas in prod and three rules. */
async function checkout(t: TestContext): Promise<string> {
  const root = await mkdtemp(path.join(tmpdir(), 'quotes-command-test-'));
  t.after(() => rm(root, { recursive: true }));
  for (const folder of spoilable) {
    await cp(path.join(repoRoot, folder), path.join(root, folder), { recursive: true });
  }
  const prod = path.join(root, 'overlays/prod/kustomization.yaml');
  await writeFile(prod, (await readFile(prod, 'utf8')).replace('count: 3', 'count: 1'));
  // The last has an exemption.
  const kept = ['minimum-replicas', 'probes', 'node-local-storage'].flatMap((rule) => [
    `${rule}/policy.yaml`,
    `${rule}/binding.yaml`,
  ]);
  const policies = path.join(root, 'policies/kustomization.yaml');
  const lines = (await readFile(policies, 'utf8')).split('\n');
  await writeFile(
    policies,
    lines
      .filter((line) => !/^ {2}- \S+\/(policy|binding)\.yaml$/.test(line) || kept.includes(line.slice(4)))
      .join('\n'),
  );
  await mkdir(path.join(root, 'docs'));
  await writeGenerated(root, () => {});
  await rm(path.join(root, 'docs'), { recursive: true });
  return root;
}

test('--root checks another checkout by its own policies, paths being those of the current directory', async (t) => {
  const root = await checkout(t);
  const { exitCode, stdout } = await command(['--root', '.', '--json', 'overlays/prod'], { cwd: root });
  assert.equal(exitCode, 1);
  const report = JSON.parse(stdout) as { findings: { rule: string }[]; coverage: { policies: number } };
  assert.deepEqual(
    report.findings.map(({ rule }) => rule),
    // Of the policies that would read the rest of its parameters it has none.
    ['minimum-replicas', 'policy-parameters'],
  );
  assert.equal(report.coverage.policies, 3);
});

test('--rule holds to that rule alone, --without to all but one, and to what keeps any from being judged', async (t) => {
  const root = await checkout(t);
  const found = async (...args: string[]) => {
    const { stdout } = await command(['--root', root, '--json', ...args]);
    return (JSON.parse(stdout) as { findings: { rule: string }[] }).findings.map(({ rule }) => rule);
  };
  assert.deepEqual(await found('--rule', 'minimum-replicas'), ['minimum-replicas']);
  assert.deepEqual(await found('--rule', 'probes', '--rule', 'minimum-replicas'), ['minimum-replicas']);
  assert.deepEqual(await found('--rule', 'minimum-replicas', '--without', 'minimum-replicas'), []);
  const others = await found('--without', 'unlisted-file', '--without', 'policy-parameters');
  assert.deepEqual(others, ['minimum-replicas']);
  await writeFile(path.join(root, 'overlays/dev/kustomization.yaml'), 'a: [\n');
  assert.ok((await found('--rule', 'probes')).includes('yaml-syntax'));
  const absent = await command(['--root', root, '--message', 'nowhere']);
  assert.deepEqual([absent.exitCode, absent.stdout], [2, '']);
  assert.match(absent.stderr, /--message nowhere: there is no such file/);
  const unknown = await command(['--root', root, '--rule', 'probe']);
  assert.equal(unknown.exitCode, 2);
  assert.match(unknown.stderr, /no rule "probe".*probes/);
});

test('--output writes each format whole, besides what is printed', async (t) => {
  const root = await checkout(t);
  const out = path.join(root, 'out');
  await mkdir(out);
  await writeFile(path.join(out, 'check.sarif'), 'before');
  const { exitCode, stdout } = await command(
    ['--output', 'sarif=out/check.sarif', '--output', 'junit=out/check.xml', '--root', root, 'overlays/prod'],
    { cwd: root },
  );
  assert.equal(exitCode, 1);
  assert.match(stdout, /error {2}minimum-replicas {2}/);
  assert.deepEqual((await readdir(out)).sort(), ['check.sarif', 'check.xml']);
  assert.equal(JSON.parse(await readFile(path.join(out, 'check.sarif'), 'utf8')).version, '2.1.0');
  assert.match(await readFile(path.join(out, 'check.xml'), 'utf8'), /^<\?xml [\s\S]*<\/testsuites>\n$/);
});

test('what cannot be written ends with 2, and what is no file is not replaced', async () => {
  const nowhere = await command(['--output', 'json=/nowhere/check.json', 'overlays/dev']);
  assert.equal(nowhere.exitCode, 2);
  assert.match(nowhere.stderr, /\/nowhere\/check\.json cannot be written \(ENOENT\)/);
  const discarded = await command(['--output', 'json=/dev/null', 'overlays/dev']);
  assert.equal(discarded.exitCode, 0);
  assert.equal((await readFile('/dev/null', 'utf8')).length, 0);
});

test('in GitHub Actions the reader gets text, disarmed, and GitHub its commands, unless a format is said', async (t) => {
  const root = await checkout(t);
  const args = ['--root', root, path.join(root, 'overlays/prod')];
  const env = { GITHUB_ACTIONS: 'true' };
  const { stdout } = await command(args, { env });
  assert.match(
    stdout,
    /^::stop-commands::(\S+)\n[\s\S]* {2}minimum-replicas {2}[\s\S]*\n::\1::\n::error file=/,
  );
  assert.doesNotMatch((await command(['--format', 'terminal', ...args], { env })).stdout, /::/);
});

test('there is colour when FORCE_COLOR asks for it, and none in a pipe', async () => {
  const forced = await command(['overlays/dev'], { env: { FORCE_COLOR: '1' } });
  assert.ok(forced.stdout.startsWith('\x1b[32mno findings'));
  assert.match((await command(['overlays/dev'])).stdout, /^no findings/);
});

test('--list and --explain tell the rules of the root, as text and as JSON', async (t) => {
  const root = await checkout(t);
  const listed = await command(['--root', root, '--list']);
  assert.equal(listed.exitCode, 0);
  assert.match(listed.stdout, /^RULE +GROUP +SEVERITY +GATES +WHY\n/);
  assert.match(listed.stdout, /^minimum-replicas +availability +error +both +With fewer/m);
  assert.match(listed.stdout, /^yaml-syntax +sources +error +pull request +What does not parse/m);
  assert.doesNotMatch(listed.stdout, /^image-digest/m);
  const explained = await command(['--explain', 'minimum-replicas']);
  assert.match(explained.stdout, /^defined +policies\/minimum-replicas\/policy\.yaml$/m);
  assert.match(
    explained.stdout,
    /^invalid policies\/minimum-replicas\/invalid\.yaml$[\s\S]*^ {4}replicas: 1$/m,
  );
  const json = JSON.parse((await command(['--explain', 'schema', '--format', 'json'])).stdout) as object;
  assert.deepEqual(Object.keys(json), [
    'id',
    'group',
    'severity',
    'gates',
    'why',
    'fix',
    'definedIn',
    'valid',
    'invalid',
  ]);
});

test('with --root, a path that is not in it is refused rather than read where it is', async (t) => {
  const root = await checkout(t);
  for (const given of ['overlays/prod', path.join(repoRoot, 'overlays/prod'), `${root}-beside`]) {
    const { exitCode, stdout, stderr } = await command(['--root', root, given]);
    assert.deepEqual([exitCode, stdout], [2, ''], given);
    assert.match(stderr, /is not in --root .*: paths are relative to the current directory/);
  }
  await symlink(root, `${root}-link`);
  t.after(() => rm(`${root}-link`));
  const linked = await command(['--root', root, `${root}-link/overlays/prod`]);
  assert.equal(linked.exitCode, 1);
});

test('a kustomize on PATH that hangs, and what it started, ends the check with a word', async (t) => {
  const root = await checkout(t);
  const bin = path.join(root, 'bin');
  await mkdir(bin);
  await writeFile(path.join(bin, 'kustomize'), '#!/bin/sh\nsleep 600\n', { mode: 0o755 });
  const { exitCode, stderr } = await command([], {
    env: { PATH: `${bin}${path.delimiter}${process.env.PATH}` },
  });
  assert.equal(exitCode, 2);
  assert.match(stderr, /bin\/kustomize version did not end within 5 s: mend it, or take it off PATH/);
});

test('a home that cannot be written is no defect of the program: it says what to do', async (t) => {
  const root = await checkout(t);
  const home = path.join(root, 'home');
  await writeFile(home, 'a file');
  const env = { HOME: home, XDG_CACHE_HOME: undefined };
  const { exitCode, stderr } = await command([], { env });
  assert.equal(exitCode, 2);
  assert.match(stderr, /home\/\.cache\/quotes.* cannot be written \(ENOTDIR\): .*XDG_CACHE_HOME/);
});

test('what nobody knows is refused with what there is', async () => {
  const refused: [string[], RegExp][] = [
    [['--format', 'xml'], /no format "xml": give one of terminal, json, sarif, junit, github, markdown\./],
    [['--output', 'xml=a'], /no format "xml"/],
    [['--output', 'sarif'], /NAME=FILE/],
    [['--json', '--format', 'sarif'], /--json is --format json/],
    [['--root', 'nowhere'], /there is no folder .+nowhere/],
    [['--explain', 'minimum-replica'], /no rule "minimum-replica"\. The nearest: minimum-replicas, /],
    [['--list', '--format', 'sarif'], /formats terminal and json/],
    [['--list', 'overlays/dev'], /stand alone/],
  ];
  for (const [args, message] of refused) {
    const { exitCode, stdout, stderr } = await command(args);
    assert.deepEqual([exitCode, stdout], [2, ''], args.join(' '));
    assert.match(stderr, message);
    assert.doesNotMatch(stderr, /\n {4}at /);
  }
});

test(`${rulesDocument} and ${impactsDocument} are what the rules say`, async (t) => {
  // Whole: the bindings of exemptions are made from what the environments render.
  const root = await copy(t);
  const documents = [rulesDocument, impactsDocument];
  for (const document of documents) {
    await rm(path.join(root, document));
  }
  const written = await command(['--root', root, '--write']);
  assert.deepEqual([written.exitCode, written.stdout], [0, documents.join('\n')]);
  const again = await command(['--root', root, '--write']);
  assert.deepEqual([again.exitCode, again.stdout], [0, ''], 'only what changed is listed');
  for (const document of documents) {
    const [there, wanted] = await Promise.all(
      [repoRoot, root].map((folder) => readFile(path.join(folder, document), 'utf8')),
    );
    assert.ok(there === wanted, `${document} is stale: run "${writeRulesCommand}"`);
  }
});

test('warnings alone end with 0, and with --strict with 1', async (t) => {
  const root = await copy(t);
  await spoil(root, 'overlays/dev/kustomization.yaml', 'count: 1', 'count: 0');
  const lenient = await command(['--root', root]);
  assert.equal(lenient.exitCode, 0);
  assert.match(
    lenient.stdout,
    /warning {2}minimum-replicas {2}quote-app has 0 of at least 1 replicas in dev/,
  );
  assert.match(lenient.stdout, /^1 warning in /m);
  assert.equal((await command(['--root', root, '--strict'])).exitCode, 1);
});
