import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { execa } from 'execa';
import { CannotRun } from '../cli.ts';

/**
 * Files by their path in the repository, as they shall be, what the commit that makes them so says, and the other files
 * that it comes from: where those are changed meanwhile, it is not what was meant.
 */
export type Proposal = { files: Record<string, string>; message: string; from?: string[] };

/** The branch that is deployed. */
const main = 'main';

/**
 * Commits the files and nothing else: what is staged or changed besides stays so. Where the commit does not come to be,
 * the files are what they were. Returns the commit.
 * @throws {CannotRun} when one of the files has changes of its own, git is in the middle of something, or a hook says no
 */
export async function commitFiles(root: string, { files, message }: Proposal): Promise<string> {
  const paths = Object.keys(files);
  await requireCommittable(root, paths);
  const before = await Promise.all(
    paths.map(
      async (file) => [file, await readFile(path.join(root, file), 'utf8').catch(() => undefined)] as const,
    ),
  );
  for (const [file, text] of Object.entries(files)) {
    await writeFile(path.join(root, file), text);
  }
  const added = await attempt(root, 'add', '--', ...paths);
  const committed = added.failed
    ? added
    : await attempt(root, 'commit', '--quiet', '--only', `--message=${message}`, '--', ...paths);
  if (committed.failed) {
    await attempt(root, 'reset', '--quiet', '--', ...paths);
    for (const [file, text] of before) {
      await (text === undefined ? rm(path.join(root, file)) : writeFile(path.join(root, file), text));
    }
    throw new CannotRun(
      `git made no commit, and nothing is changed:\n${committed.stderr || committed.stdout}`,
    );
  }
  return git(root, 'rev-parse', 'HEAD');
}

/** What git is in the middle of, by the file that says so. */
const underWay = {
  MERGE_HEAD: 'merge',
  'rebase-merge': 'rebase',
  'rebase-apply': 'rebase',
  CHERRY_PICK_HEAD: 'cherry-pick',
  REVERT_HEAD: 'revert',
};

/** @throws {CannotRun} when a commit of just these files could not be made, or would take other changes of them along */
export async function requireCommittable(root: string, paths: string[]): Promise<void> {
  const states = Object.keys(underWay).flatMap((state) => ['--git-path', state]);
  const files = (await git(root, 'rev-parse', ...states)).split('\n');
  const doing = Object.values(underWay).find((_, index) =>
    existsSync(path.resolve(root, files[index] ?? '')),
  );
  if (doing !== undefined) {
    throw new CannotRun(
      `A ${doing} is under way: end it ("git ${doing} --abort" or "--continue"), then run this again.`,
    );
  }
  if ((await attempt(root, 'symbolic-ref', '--quiet', 'HEAD')).failed) {
    throw new CannotRun(
      'HEAD is on no branch, so a commit would be lost: "git switch main", then run this again.',
    );
  }
  const changed = await git(root, 'status', '--porcelain', '--untracked-files=all', '--', ...paths);
  if (changed !== '') {
    const names = changed.split('\n').map((line) => line.slice(3));
    throw new CannotRun(
      `${names.join(', ')}: changed and not committed. Commit or stash that, then run this again; other changes may stay.`,
    );
  }
}

/**
 * Fetches the remote's main, before anything is changed, and makes sure that the commit to come is all that a push of it
 * would bring, and comes from what is there now. Returns that commit of theirs.
 * @param relied the files that the change is about, relative to the repository
 * @throws {CannotRun} when there are other commits here, or others changed one of those files
 */
export async function requirePushable(root: string, remote: string, relied: string[]): Promise<string> {
  const theirs = await fetchMain(root, remote);
  const own = await git(root, 'log', '--format=%h %s', `${theirs}..HEAD`, '--');
  if (own !== '') {
    throw new CannotRun(
      `HEAD has commits that ${remote}'s ${main} has not, and --push is to bring one alone:\n${indented(own)}\n` +
        `Push them ("git push ${remote} HEAD:${main}") or be on a branch without them, then run this again.`,
    );
  }
  const changed = await changesOf(root, theirs, relied);
  if (changed !== '') {
    throw new CannotRun(
      `Others have pushed to ${remote} what this is about:\n${indented(changed)}\n` +
        `Nothing is changed. Look at it: "git pull ${remote} ${main}", then run this again.`,
    );
  }
  return theirs;
}

/**
 * Pushes HEAD, a commit of `commitFiles`, to the remote's main, alone: where others have pushed meanwhile it is made again
 * on top of theirs. The branch follows where the working tree lets it. Where they changed one of the files, it is taken
 * back and nothing is pushed. Returns the commit as it was pushed, and whether the branch is at it.
 * @param theirs what `requirePushable` returned
 * @param relied the files that the change is about, relative to the repository
 * @throws {CannotRun}
 */
export async function publishCommit(
  root: string,
  remote: string,
  theirs: string,
  relied: string[],
): Promise<{ commit: string; isHere: boolean }> {
  const made = await git(root, 'rev-parse', 'HEAD');
  const parent = await git(root, 'rev-parse', 'HEAD^');
  let base = theirs;
  for (let tries = 0; tries < 5; tries += 1) {
    const commit = base === parent ? made : await onTopOf(root, base, made);
    const push = await attempt(
      root,
      'push',
      '--quiet',
      '--porcelain',
      remote,
      `${commit}:refs/heads/${main}`,
    );
    if (!push.failed) {
      return { commit, isHere: commit === made || (await follow(root, commit)) };
    }
    base = await fetchMain(root, remote).catch(() => base);
    // What is refused while main stands still is refused for itself: a hook, a right, a remote that is away.
    const isLocked = /cannot lock ref/.test(`${push.stdout}${push.stderr}`);
    if ((await git(root, 'rev-parse', `${commit}^`)) === base && !isLocked) {
      throw new CannotRun(
        `The commit is made and ${remote} does not take it: mend this, then "git push ${remote} ${commit}:${main}".\n` +
          (push.stderr || push.stdout),
      );
    }
    const changed = await changesOf(root, base, relied);
    if (changed !== '') {
      await takeBack(root);
      throw new CannotRun(
        `Others have pushed to ${remote} meanwhile what this is about; nothing was pushed and the commit is taken back:\n` +
          `${indented(changed)}\nLook at it: "git pull ${remote} ${main}", then run this again.`,
      );
    }
  }
  await takeBack(root);
  throw new CannotRun(
    `${remote} was pushed to each time before this could be: nothing was pushed. Run it again.`,
  );
}

/** The commit that the remote's main is at. @throws {CannotRun} when the remote cannot be asked */
export async function fetchMain(root: string, remote: string): Promise<string> {
  const fetched = await attempt(root, 'fetch', '--quiet', remote, main);
  if (fetched.failed) {
    throw new CannotRun(`--push ${remote}: its ${main} cannot be fetched:\n${fetched.stderr}`);
  }
  return git(root, 'rev-parse', 'FETCH_HEAD');
}

/** The commits up to one of theirs, since HEAD left them, that changed one of the files. */
async function changesOf(root: string, theirs: string, relied: string[]): Promise<string> {
  const base = await git(root, 'merge-base', 'HEAD', theirs);
  return git(root, 'log', '--format=%h %an: %s', `${base}..${theirs}`, '--', ...relied);
}

function indented(lines: string): string {
  return lines.replaceAll(/^/gm, '  ');
}

/** A commit of the same files with the same words on top of another one, made past the index and the working tree. */
async function onTopOf(root: string, base: string, made: string): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'quotes-index-'));
  try {
    const env = { GIT_INDEX_FILE: path.join(folder, 'index') };
    const changes = (
      await git(root, 'diff', '--raw', '--no-renames', '--abbrev=64', '-z', `${made}^`, made)
    ).split('\0');
    await execa('git', ['-C', root, 'read-tree', base], { env });
    for (let at = 0; at + 1 < changes.length; at += 2) {
      const [, mode = '', , hash = '', status = ''] = (changes[at] ?? '').split(' ');
      const file = changes[at + 1] ?? '';
      const update =
        status === 'D' ? ['--force-remove', '--', file] : ['--add', '--cacheinfo', `${mode},${hash},${file}`];
      await execa('git', ['-C', root, 'update-index', ...update], { env });
    }
    const { stdout: tree } = await execa('git', ['-C', root, 'write-tree'], { env });
    const input = await git(root, 'log', '-1', '--format=%B', made);
    // Unlike `commit`, commit-tree signs only when it is told.
    const signed = (await attempt(root, 'config', '--type=bool', 'commit.gpgSign')).stdout === 'true';
    const args = ['commit-tree', ...(signed ? ['-S'] : []), tree, '-p', base];
    const commit = await execa('git', ['-C', root, ...args], { input });
    return commit.stdout;
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Moves the branch from its own commit to the one that was pushed in its place; not where that would touch changes. */
async function follow(root: string, pushed: string): Promise<boolean> {
  await takeBack(root);
  return !(await attempt(root, 'merge', '--quiet', '--ff-only', pushed)).failed;
}

/** Ends the branch before its last commit; changes that are there beside it stay. */
async function takeBack(root: string): Promise<void> {
  const paths = (await git(root, 'diff', '--name-only', '-z', 'HEAD^', 'HEAD')).split('\0').filter(Boolean);
  await git(root, 'reset', '--quiet', '--soft', 'HEAD^');
  await git(root, 'restore', '--source=HEAD', '--staged', '--worktree', '--', ...paths);
}

/** git's output without the newline at its end. @throws {CannotRun} with its words */
export async function git(root: string, ...args: string[]): Promise<string> {
  const { stdout, stderr, failed } = await attempt(root, ...args);
  if (failed) {
    throw new CannotRun(`git ${args[0]} failed in ${root}:\n${stderr}`);
  }
  return stdout;
}

function attempt(root: string, ...args: string[]) {
  return execa('git', ['-C', root, ...args], { reject: false, stdin: 'ignore' });
}
