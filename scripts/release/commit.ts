import { existsSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
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

/** @throws {CannotRun} when a commit of just these files could not be made, or would take other changes of them along */
export async function requireCommittable(root: string, paths: string[]): Promise<void> {
  for (const [state, doing] of [
    ['MERGE_HEAD', 'merge'],
    ['rebase-merge', 'rebase'],
    ['rebase-apply', 'rebase'],
    ['CHERRY_PICK_HEAD', 'cherry-pick'],
    ['REVERT_HEAD', 'revert'],
  ] as const) {
    const file = await git(root, 'rev-parse', '--git-path', state);
    if (existsSync(path.resolve(root, file))) {
      throw new CannotRun(
        `A ${doing} is under way: end it ("git ${doing} --abort" or "--continue"), then run this again.`,
      );
    }
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
 * Pushes HEAD, a commit of `commitFiles`, to the remote's main. Where others have pushed meanwhile, it is put on top of theirs, unless they changed
 * one of the files: then the commit is taken back and nothing is pushed. Returns the commit as it was pushed.
 * @param files what nobody else may have changed, relative to the repository
 * @throws {CannotRun}
 */
export async function publishCommit(root: string, remote: string, files: string[]): Promise<string> {
  for (let tries = 0; tries < 5; tries += 1) {
    const push = await attempt(root, 'push', '--quiet', '--porcelain', remote, `HEAD:refs/heads/${main}`);
    if (!push.failed) {
      return git(root, 'rev-parse', 'HEAD');
    }
    if (!/\[rejected\]|\(fetch first\)|non-fast-forward/.test(`${push.stdout}${push.stderr}`)) {
      throw new CannotRun(
        `The commit is made and could not be pushed: mend this, then "git push ${remote} HEAD:${main}".\n${push.stderr}`,
      );
    }
    await git(root, 'fetch', '--quiet', remote, main);
    await requireUntouched(root, remote, files);
    const rebase = await attempt(root, 'rebase', '--quiet', '--autostash', 'FETCH_HEAD');
    if (rebase.failed) {
      await attempt(root, 'rebase', '--abort');
      throw new CannotRun(
        `Others have pushed to ${remote}, and your commits do not go on top of theirs. The commit is made and not ` +
          `pushed: "git pull --rebase ${remote} ${main}", then "git push ${remote} HEAD:${main}".\n${rebase.stderr}`,
      );
    }
  }
  throw new CannotRun(
    `${remote} was pushed to each time before this could be: run "git push ${remote} HEAD:${main}".`,
  );
}

async function requireUntouched(root: string, remote: string, files: string[]): Promise<void> {
  const base = await git(root, 'merge-base', 'HEAD', 'FETCH_HEAD');
  const theirs = await git(root, 'log', '--format=%h %an: %s', `${base}..FETCH_HEAD`, '--', ...files);
  if (theirs === '') {
    return;
  }
  await takeBack(root);
  throw new CannotRun(
    `Others have pushed to ${remote} meanwhile what this is about; nothing was pushed and the commit is taken back:\n` +
      `${theirs}\nLook at it: "git pull --rebase ${remote} ${main}", then run this again.`,
  );
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
