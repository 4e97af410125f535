import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { execa } from 'execa';

/** A repository with a bare remote, for a test: it is gone when the test has ended. */
export type ScratchRepository = {
  root: string;
  remote: string;
  /** Another clone of the remote, as somebody else has it. */
  another(name: string): Promise<Pick<ScratchRepository, 'root' | 'git'>>;
  write(files: Record<string, string>): Promise<void>;
  git(...args: string[]): Promise<string>;
  /** @param minutesAgo how old the commit shall be */
  commit(message: string, files: Record<string, string>, minutesAgo?: number): Promise<string>;
  /** What somebody else pushes to the remote's main. */
  pushedByOthers(message: string, files: Record<string, string>): Promise<string>;
};

/** Makes it with the files as its first commit, which is pushed to `origin`. */
export async function scratchRepository(
  t: TestContext,
  files: Record<string, string>,
): Promise<ScratchRepository> {
  const folder = await mkdtemp(path.join(tmpdir(), 'quotes-release-'));
  t.after(() => rm(folder, { recursive: true }));
  const remote = path.join(folder, 'remote.git');
  await execa('git', ['init', '--quiet', '--bare', '--initial-branch=main', remote]);
  const first = await clone(remote, path.join(folder, 'own'), 'Ada');
  await first.commit('first', files);
  await first.git('push', '--quiet', '--set-upstream', 'origin', 'HEAD:main');
  let others: Awaited<ReturnType<typeof clone>> | undefined;
  return {
    ...first,
    remote,
    another: (name) => clone(remote, path.join(folder, name), name),
    pushedByOthers: async (message, files) => {
      others ??= await clone(remote, path.join(folder, 'others'), 'Grace');
      await others.git('fetch', '--quiet', 'origin', 'main');
      await others.git('reset', '--quiet', '--hard', 'FETCH_HEAD');
      const commit = await others.commit(message, files);
      await others.git('push', '--quiet', 'origin', 'HEAD:main');
      return commit;
    },
  };
}

async function clone(remote: string, root: string, name: string) {
  await execa('git', ['clone', '--quiet', remote, root]);
  const git = async (...args: string[]) => (await execa('git', ['-C', root, ...args])).stdout;
  await git('config', 'user.name', name);
  await git('config', 'user.email', `${name.toLowerCase()}@localhost`);
  await git('switch', '--quiet', '--orphan', 'main').catch(() => git('switch', '--quiet', 'main'));
  const write = async (files: Record<string, string>) => {
    for (const [file, text] of Object.entries(files)) {
      await mkdir(path.dirname(path.join(root, file)), { recursive: true });
      await writeFile(path.join(root, file), text);
    }
  };
  return {
    root,
    git,
    write,
    commit: async (message: string, files: Record<string, string>, minutesAgo = 0) => {
      await write(files);
      await git('add', '--', ...Object.keys(files));
      const date = `${Math.floor(Date.now() / 1000) - minutesAgo * 60} +0000`;
      const env = { GIT_AUTHOR_DATE: date, GIT_COMMITTER_DATE: date };
      await execa('git', ['-C', root, 'commit', '--quiet', `--message=${message}`], { env });
      return git('rev-parse', 'HEAD');
    },
  };
}
