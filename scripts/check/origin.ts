import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { runProgram } from '../program.ts';

/** The commit that the working tree at `root` comes from, its tree, and the commit that is checked out. */
export type Origin = { root: string; commit: string; tree: string; head: string };

/** What git calls the branch that changes go to. */
const defaultBranches = ['origin/HEAD', 'origin/main', 'main'];

/**
 * What a tree comes from: where its history left a revision, or the default branch; HEAD itself on that branch.
 * Undefined where git knows none: no repository, no such branch, a clone too shallow.
 */
export async function originOf(root: string, revision?: string): Promise<Origin | undefined> {
  for (const name of revision === undefined ? defaultBranches : [revision]) {
    const commit = await gitOutput(root, 'merge-base', '--end-of-options', 'HEAD', name);
    // The folder's own tree: the repository may begin above it.
    const found = commit && (await gitOutput(root, 'rev-parse', '--quiet', 'HEAD', `${commit}:./`));
    const [head, tree] = (found ?? '').split('\n');
    if (commit && head && tree) {
      return { root, commit, tree, head };
    }
  }
  return undefined;
}

/** Whether no file that git knows differs from the origin in any of the folders and files, relative to the root. */
export async function isUnchanged({ root, commit }: Origin, paths: string[]): Promise<boolean> {
  return (await gitOutput(root, 'diff', '--quiet', '--no-ext-diff', commit, '--', ...paths)) !== undefined;
}

/**
 * The trimmed output of git, undefined where it fails. By Node's own means and not `runProgram`, whose loading costs
 * more than everything that a check asks git.
 */
export async function gitOutput(root: string, ...args: string[]): Promise<string | undefined> {
  try {
    const { stdout } = await promisify(execFile)('git', ['-C', root, ...args], {
      maxBuffer: 256 * 1024 * 1024,
      // A check must not write the index, which belongs to whoever commits just now.
      env: { ...process.env, GIT_OPTIONAL_LOCKS: '0' },
    });
    return stdout.trimEnd();
  } catch {
    return undefined;
  }
}

/** Gives a function the files of a commit, as they were below `root`, in a folder that is gone afterwards. */
export async function withTreeAt<T>(
  root: string,
  commit: string,
  use: (folder: string) => Promise<T>,
): Promise<T> {
  const scratch = await mkdtemp(path.join(tmpdir(), 'quotes-since-'));
  try {
    const archive = path.join(scratch, 'then.tar');
    const then = path.join(scratch, 'then');
    const git = ['-C', root, 'archive', '--format=tar', `--output=${archive}`, commit];
    await runProgram('git', git, { stdin: 'ignore' });
    await mkdir(then);
    await runProgram('tar', ['--extract', `--file=${archive}`, `--directory=${then}`], { stdin: 'ignore' });
    return await use(then);
  } finally {
    await rm(scratch, { recursive: true });
  }
}
