import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { execa } from 'execa';

/** A repository with a bare remote, for a test: it is gone when the test has ended. */
export type ScratchRepository = {
  root: string;
  remote: string;
  write(files: Record<string, string>): Promise<void>;
  git(...args: string[]): Promise<string>;
  commit(message: string, files: Record<string, string>): Promise<string>;
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
    commit: async (message: string, files: Record<string, string>) => {
      await write(files);
      await git('add', '--', ...Object.keys(files));
      await git('commit', '--quiet', `--message=${message}`);
      return git('rev-parse', 'HEAD');
    },
  };
}
