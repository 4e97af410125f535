import assert from 'node:assert/strict';
import { cp, readFile, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { execa } from 'execa';
import { freezesFile } from '../freezes/calendar.ts';
import { writeFrozen } from '../freezes/sync-windows.ts';
import { repoRoot } from '../paths.ts';
import { pinDigest, pinFile } from './pin.ts';
import { releaseFile, withRevision } from './release-settings.ts';
import { scratchRepository } from './scratch-repository.ts';

const digest = (letter: string) => `sha256:${letter.repeat(64)}`;

/** This repository in a clone of its own, its dev pinned to a version and pushed; its verbs run by its own program. */
async function ownClone(t: TestContext) {
  const repository = await scratchRepository(t, { 'first.txt': 'first' });
  const { root, git } = repository;
  const { stdout } = await execa('git', ['-C', repoRoot, 'ls-files', '-z', '--', ':!test', ':!**/*.test.ts']);
  for (const file of stdout.split('\0').filter((file) => file !== '')) {
    // What was moved in the working tree and not committed is still listed.
    await cp(path.join(repoRoot, file), path.join(root, file), { recursive: true }).catch(() => {});
  }
  await symlink(path.join(repoRoot, 'node_modules'), path.join(root, 'node_modules'));
  await pinDigest(root, 'dev', digest('a'));
  await git('add', '--all');
  await git('commit', '--quiet', '--message=Everything');
  await git('push', '--quiet', 'origin', 'HEAD:main');
  const run = async (verb: string, ...args: string[]) => {
    const command = [
      '--disable-warning=ExperimentalWarning',
      path.join(root, 'scripts', `${verb}.ts`),
      ...args,
    ];
    const { stdout, stderr, exitCode } = await execa(process.execPath, command, {
      env: { QUOTES_CLUSTER: 'never-started' },
      stdin: 'ignore',
      reject: false,
    });
    return { stdout, stderr, exitCode };
  };
  return { ...repository, run };
}

test('promote and rollback show what changes, commit just that, push it, and change nothing in a dry run', async (t) => {
  const { root, git, run, write } = await ownClone(t);
  await write({ 'README.md': 'not committed\n' });
  const head = await git('rev-parse', 'HEAD');
  const dry = await run('promote', '--offline', '--dry-run', 'dev', 'staging');
  assert.equal(dry.exitCode, 0, dry.stderr);
  assert.match(dry.stdout, /^Git says: \w{10} is in origin\/main/);
  assert.match(
    dry.stdout,
    /staging: rollout, 1 object\n~ Deployment\/quote-app in staging: rollout\n.*image: \S+ → \S+@sha256:a{64}/,
  );
  assert.match(dry.stdout, /A dry run: nothing is changed\.$/);
  assert.equal(await git('rev-parse', 'HEAD'), head);

  const promoted = await run('promote', '--offline', '--json', '--push', 'origin', 'dev', 'staging');
  assert.equal(promoted.exitCode, 0, promoted.stderr);
  const result = JSON.parse(promoted.stdout) as Record<string, unknown>;
  assert.deepEqual(
    [result.digest, result.from, result.to, result.pushed],
    [digest('a'), 'dev', 'staging', true],
  );
  assert.equal(result.commit, await git('rev-parse', 'HEAD'));
  assert.equal(await git('status', '--porcelain'), ' M README.md');
  assert.match(await git('ls-remote', 'origin', 'refs/heads/main'), new RegExp(`^${result.commit}`));
  const again = await run('promote', '--offline', '--push', 'origin', 'dev', 'staging');
  assert.match(again.stdout, /staging has it already\.$/);

  const back = await run('rollback', '--offline', 'staging');
  assert.equal(back.exitCode, 0, back.stderr);
  assert.match(back.stdout, /Whether migrations lie between \S+ and \S+ is not known/);
  assert.match(await git('log', '-1', '--format=%s'), /^Roll staging back to quote-app sha256:/);
  // Not pushed yet: said again with --push, it is not said to be there.
  const unpushed = await run('rollback', '--to', 'HEAD', '--push', 'origin', 'staging');
  assert.equal(unpushed.exitCode, 2, unpushed.stdout);
  const told = await run('history', '--offline', '--json', 'staging');
  assert.equal((JSON.parse(told.stdout) as unknown[]).length, 3);
  assert.equal(await readFile(path.join(root, 'README.md'), 'utf8'), 'not committed\n');
});

test('a promotion of what somebody took back meanwhile, or into a freeze of theirs, is refused, and theirs is named', async (t) => {
  const { root, git, run, pushedByOthers } = await ownClone(t);
  const head = await git('rev-parse', 'HEAD');
  const other = async (message: string, file: string, change: (text: string) => string) => {
    await pushedByOthers(message, { [file]: change(await readFile(path.join(root, file), 'utf8')) });
    const refused = await run('promote', '--offline', '--push', 'origin', 'dev', 'staging');
    assert.equal(refused.exitCode, 2, refused.stdout);
    assert.match(
      refused.stderr,
      new RegExp(`^Others have pushed to origin what this is about:\\n {2}\\w+ Grace: ${message}\\n`),
    );
    assert.equal(await git('rev-parse', 'HEAD'), head);
    assert.equal(await git('status', '--porcelain'), '');
  };
  await other('Roll dev back', pinFile('dev'), (text) => text.replace(digest('a'), digest('0')));
  await git('pull', '--quiet', '--rebase', 'origin', 'main');
  await git('reset', '--quiet', '--hard', head);
  await git('push', '--quiet', '--force', 'origin', 'HEAD:main');
  await other('Freeze', freezesFile, (text) => `${text}# frozen\n`);
});

test('during a freeze nothing is let through but in writing, which lifts the window in the same commit', async (t) => {
  const { root, git, run } = await ownClone(t);
  const at = (hours: number) => `${new Date(Date.now() + hours * 3_600_000).toISOString().slice(0, 16)}:00Z`;
  const freeze = {
    name: 'fair',
    environments: ['staging'],
    from: at(-1),
    to: at(1),
    reason: 'nobody is at the fair to mend it',
  };
  const file = path.join(root, freezesFile);
  const text = await readFile(file, 'utf8');
  await writeFile(file, text.replace(/^freezes:.*$/m, `freezes:\n  - ${JSON.stringify(freeze)}`));
  await writeFrozen(root);
  await git('add', '--all');
  await git('commit', '--quiet', '--message=Freeze staging');
  const head = await git('rev-parse', 'HEAD');
  for (const args of [
    ['promote', 'dev', 'staging'],
    ['rollback', 'staging'],
  ]) {
    const [verb = '', ...rest] = args;
    const refused = await run(verb, '--offline', ...rest);
    assert.equal(refused.exitCode, 2, refused.stdout);
    if (verb === 'promote') {
      assert.match(
        refused.stderr,
        /^staging is frozen \(policies\/freezes\.yaml\):\n {2}fair until .*: nobody is at the fair to mend it\n--override-freeze/,
      );
    }
  }
  const late = at(48);
  const tooLong = await run(
    'promote',
    '--offline',
    '--override-freeze',
    'the login is broken',
    '--override-until',
    late,
    'dev',
    'staging',
  );
  assert.equal(tooLong.exitCode, 2);
  assert.match(tooLong.stderr, /at most 24 hours/);
  assert.equal(await git('rev-parse', 'HEAD'), head);
  assert.equal(await git('status', '--porcelain'), '');

  const through = await run(
    'promote',
    '--offline',
    '--override-freeze',
    'the login is broken',
    'dev',
    'staging',
  );
  assert.equal(through.exitCode, 0, through.stderr);
  assert.match(await git('log', '-1', '--format=%B'), /^Override-Freeze: fair: the login is broken$/m);
  const changed = await git('show', '--format=', '--name-only', 'HEAD');
  assert.match(
    changed,
    /^apps\/frozen\/\S+\n.*overlays\/staging\/kustomization\.yaml\n.*policies\/freezes\.yaml$/s,
  );
  assert.match(await readFile(file, 'utf8'), /owner: ada@localhost/);
});

test('a rollback names the migrations that the older version cannot work after, and goes on', async (t) => {
  const { root, commit, run } = await ownClone(t);
  const pinned = async (letter: string, revision: string) => {
    const release = await readFile(path.join(root, releaseFile('prod')), 'utf8');
    await pinDigest(root, 'prod', digest(letter));
    const [pins, settings] = [pinFile('prod'), releaseFile('prod')];
    const kustomization = await readFile(path.join(root, pins), 'utf8');
    return commit(`prod: ${letter}`, {
      [pins]: kustomization,
      [settings]: withRevision(release, revision, settings),
    });
  };
  const older = await commit('older', { 'service/a.txt': 'older' });
  await pinned('b', older);
  const newer = await commit('newer', {
    'service/migrations/0003_no-author.sql': '-- Up Migration\nALTER TABLE quotes DROP COLUMN author;\n',
  });
  await pinned('c', newer);
  const { stdout, stderr, exitCode } = await run('rollback', '--offline', '--dry-run', 'prod');
  assert.equal(exitCode, 0, stderr);
  assert.match(
    stdout,
    new RegExp(
      `${older.slice(0, 7)} may not work on the database as ${newer.slice(0, 7)} left it; a rollback undoes no migration:\n {2}service/migrations/0003_no-author.sql:2: `,
    ),
  );
});

test('what a user gets wrong is said in a line, with the next step', async (t) => {
  const { run } = await ownClone(t);
  const wrong = async (message: RegExp, verb: string, ...args: string[]) => {
    const { stderr, stdout, exitCode } = await run(verb, ...args);
    assert.equal(exitCode, 2, `${verb} ${args.join(' ')}: ${stdout}`);
    assert.match(stderr, message);
  };
  await wrong(/^FROM: which environment\? There are dev, staging, prod\./, 'promote');
  await wrong(
    /^TO production: no such environment\. There are dev, staging, prod\./,
    'promote',
    'dev',
    'production',
  );
  await wrong(/^From dev a version goes to staging, not to prod/, 'promote', 'dev', 'prod');
  await wrong(/^unexpected argument "more"/, 'promote', 'dev', 'staging', 'more');
  await wrong(/There is no cluster "never-started".*"npm start"/, 'promote', 'dev', 'staging');
  await wrong(/^--dry-run makes no commit/, 'promote', '--dry-run', '--push', 'origin', 'dev', 'staging');
  await wrong(/^--override-until goes with/, 'rollback', '--override-until', '2026-12-21T12:00:00Z', 'prod');
  await wrong(/^--to nothing: git knows no such commit/, 'rollback', '--to', 'nothing', 'prod');
  await wrong(/^Which versions were Healthy is not known here/, 'rollback', 'prod');
  await wrong(
    /^--override-freeze: say the reason in one line of 10 characters/,
    'rollback',
    '--override-freeze',
    'urgent',
    'prod',
  );
  await wrong(
    /^--override-freeze: say the reason in one line/,
    'rollback',
    '--override-freeze',
    'two lines\nof it',
    'prod',
  );
  await wrong(/^--offline asks no cluster/, 'promote', '--offline', '--name', 'eyes', 'dev', 'staging');
  await wrong(/^There is no cluster "never-started"/, 'release', '--skip-tests');
  await wrong(/^--push nowhere: its main cannot be fetched/, 'release', '--skip-tests', '--push', 'nowhere');
  await wrong(/^--limit 0: a whole number from 1 on/, 'history', '--limit', '0', 'prod');
  await wrong(/^Unknown option '--fast'.* See --help\./, 'release', '--fast');
});

test('a release to a registry of your own is signed by a key that is named, and the embedded one by its own', async () => {
  const release = async (...args: string[]) => {
    const program = path.join(repoRoot, 'scripts/release.ts');
    const command = ['--disable-warning=ExperimentalWarning', program, '--dry-run', ...args];
    const { stderr, exitCode } = await execa(process.execPath, command, { stdin: 'ignore', reject: false });
    return `${exitCode} ${stderr}`;
  };
  assert.match(await release('--registry'), /^2 Say which key signs the image: --key FILE/);
  assert.match(await release('--key', 'cosign.key'), /^2 --key goes with --registry/);
});
