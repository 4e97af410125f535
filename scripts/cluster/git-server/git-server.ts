import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { execa } from 'execa';
import { repoRoot } from '../../paths.ts';
import { answers } from '../answers.ts';
import { addresses, type ClusterLayout } from '../layout.ts';
import { ensureRunning, ownCode, waitForComponent } from '../processes.ts';

/** What lets Argo CD's pods reach it. */
export const reachedHere = path.join(import.meta.dirname, 'reached-here.yaml');

/** The bare repository that Argo CD deploys from. */
export const repositoryFolder = (layout: ClusterLayout) => path.join(layout.state, 'git', 'quotes.git');

/** Starts the git server; an empty one is given the clone's last commit as its `main`. */
export async function ensureGitServer(layout: ClusterLayout): Promise<void> {
  const repository = repositoryFolder(layout);
  if (!existsSync(path.join(repository, 'HEAD'))) {
    await mkdir(repository, { recursive: true });
    await execa('git', ['init', '--quiet', '--bare', '--initial-branch=main', repository]);
  }
  const main = ['-C', repository, 'rev-parse', '--verify', '--quiet', 'refs/heads/main'];
  if ((await execa('git', main, { reject: false })).failed) {
    // A shallow clone, as CI makes, may be all there is.
    await execa('git', ['-C', repository, 'config', 'receive.shallowUpdate', 'true']);
    await execa('git', ['-C', repoRoot, 'push', '--quiet', repository, 'HEAD:refs/heads/main']);
  }
  const program = path.join(import.meta.dirname, 'program.ts');
  await ensureRunning(layout, {
    name: 'git-server',
    owner: 'control-plane',
    namespace: layout.controlPlaneNamespace,
    command: [process.execPath, program, layout.name],
    files: await ownCode(layout, 'git-server'),
    // The clone belongs to whoever made it; git asks before it serves another user's repository.
    env: { GIT_CONFIG_COUNT: '1', GIT_CONFIG_KEY_0: 'safe.directory', GIT_CONFIG_VALUE_0: '*' },
  });
  await waitForComponent(layout, 'git-server', () => answers(layout, `http://${addresses.gitServer}/`));
}

/** The commit that `main` is at. */
export async function headOfMain(layout: ClusterLayout): Promise<string> {
  return (await execa('git', ['-C', repositoryFolder(layout), 'rev-parse', 'refs/heads/main'])).stdout;
}

/** Adds the git server to the clone as a remote named after the cluster, or moves that remote to its port. */
export async function addRemote(layout: ClusterLayout, port: number): Promise<string> {
  const url = `http://127.0.0.1:${port}/quotes.git`;
  const git = (...args: string[]) => execa('git', ['-C', repoRoot, 'remote', ...args], { reject: false });
  if ((await git('get-url', layout.name)).failed) {
    await git('add', layout.name, url);
  } else {
    await git('set-url', layout.name, url);
  }
  return layout.name;
}
