import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { execa } from 'execa';
import { CannotRun } from '../cli.ts';

/** A clone of its own of what Argo CD deploys from, to change and push. */
export interface WorkingClone {
  folder: string;
  /** Replaces text in a file. @throws {CannotRun} when the file has nothing like it, or has it there already */
  edit(file: string, from: string | RegExp, to: string): Promise<void>;
  /** Commits what was edited. */
  commit(message: string): Promise<void>;
  /** Pushes, with a message after committing what was edited; returns the commit. */
  push(message?: string): Promise<string>;
  /** Takes the last commit back and pushes that; returns the commit. */
  revert(): Promise<string>;
  /**
   * Makes main what others made it, unless somebody else has pushed meanwhile; returns what main is then.
   * Without `rewrite` that is a commit more, and not the one that was cloned.
   */
  putBack(options: { rewrite: boolean }): Promise<string>;
  remove(): Promise<void>;
}

/** Clones the repository at `url` into a temporary folder; commits are `author`'s. */
export async function workingClone(url: string, author: string): Promise<WorkingClone> {
  const folder = path.join(await mkdtemp(path.join(tmpdir(), `quotes-${author}-`)), 'clone');
  const git = async (...args: string[]) => {
    const result = await execa('git', ['-C', folder, ...args], { reject: false, stdin: 'ignore' });
    if (result.failed) {
      throw new CannotRun(`git ${args[0]} failed in a clone of ${url}:\n${result.stderr}`);
    }
    return result.stdout;
  };
  const cloning = await execa('git', ['clone', '--quiet', url, folder], { reject: false, stdin: 'ignore' });
  if (cloning.failed) {
    await rm(path.dirname(folder), { recursive: true, force: true });
    throw new CannotRun(`${url} cannot be cloned: ${cloning.stderr}`);
  }
  await git('config', 'user.name', author);
  await git('config', 'user.email', `${author}@localhost`);
  const head = await git('rev-parse', 'HEAD');
  // What an interrupted run of ours left behind is not what to go back to.
  const others = ['log', '-1', '--perl-regexp', `--author=^(?!${author} )`, '--format=%H'];
  const cloned = (await git(...others)) || head;
  let pushed = head;
  const publish = async (): Promise<string> => {
    await git('push', '--quiet', url, 'HEAD:main');
    pushed = await git('rev-parse', 'HEAD');
    return pushed;
  };
  const commit = async (message: string): Promise<void> => {
    await git('add', '--all');
    await git('commit', '--quiet', `--message=${message}`);
  };
  return {
    folder,
    edit: async (file, from, to) => {
      const text = await readFile(path.join(folder, file), 'utf8');
      if (text.replace(from, to) === text) {
        throw new CannotRun(`${file} has nothing like ${from}, or has "${to}" there already.`);
      }
      await writeFile(path.join(folder, file), text.replace(from, to));
    },
    commit,
    push: async (message) => {
      if (message !== undefined) {
        await commit(message);
      }
      return publish();
    },
    revert: async () => {
      await git('revert', '--no-edit', 'HEAD');
      return publish();
    },
    putBack: async ({ rewrite }) => {
      const changed = (await git('diff', '--name-only', cloned, pushed)) !== '';
      if (!rewrite && changed) {
        await git('reset', '--quiet', '--hard', pushed);
        await git('read-tree', '-u', '--reset', cloned);
        await git('commit', '--quiet', '--message=Put back what the drill changed');
        return publish();
      }
      if (!rewrite) {
        return pushed;
      }
      await git('reset', '--quiet', '--hard', cloned);
      if (pushed !== cloned) {
        await git('push', '--quiet', `--force-with-lease=main:${pushed}`, url, 'HEAD:main');
        pushed = cloned;
      }
      return cloned;
    },
    remove: () => rm(path.dirname(folder), { recursive: true, force: true }),
  };
}
