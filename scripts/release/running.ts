import { setTimeout as sleep } from 'node:timers/promises';
import { CannotRun } from '../cli.ts';
import type { Environment } from '../environment.ts';
import type { Kubectl } from '../gitops/kubectl.ts';
import { type EnvironmentStatus, isFine, readStatus } from '../gitops/status.ts';
import { fetchMain, git } from './commit.ts';
import { pinAt, short } from './versions.ts';

/** What makes sure that a version works where it is, before it goes on. */
export type Evidence = { by: 'the cluster' | 'Git'; said: string };

/** How long an environment must have been Healthy, in milliseconds: what crashes is so between two crashes. */
const settled = 10_000;

/**
 * The environment runs the digest in the cluster, and nothing else, and is Synced and Healthy, and has been for ten
 * seconds: it is waited for that.
 * @throws {CannotRun} saying what it does instead
 */
export async function requireHealthy(
  kubectl: Kubectl,
  environment: Environment,
  digest: string,
  say: (line: string) => void,
): Promise<Evidence> {
  const field = '{.status.health.lastTransitionTime}';
  const since = () => kubectl.field('argocd', `application/${environment}`, field);
  const turned = await since();
  await statusOf(kubectl, environment, digest);
  const left = settled - (Date.now() - Date.parse(turned));
  if (left > 0) {
    say(`${environment} is Healthy: ${Math.ceil(left / 1000)} s to see that it stays so`);
    await sleep(left);
  }
  const { revision, replicas } = await statusOf(kubectl, environment, digest);
  if ((await since()) !== turned) {
    throw new CannotRun(
      `${environment} does not stay Healthy with ${short(digest)}: "npm run status -- --watch" follows it.`,
    );
  }
  const { ready, wanted } = replicas;
  const at = revision?.slice(0, 10) ?? '';
  return {
    by: 'the cluster',
    said: `${environment} is Synced to ${at} and Healthy, ${ready} of ${wanted} replicas ready`,
  };
}

async function statusOf(kubectl: Kubectl, environment: Environment, digest: string) {
  const status = (await readStatus(kubectl, [])).find((found) => found.environment === environment);
  const reason = status === undefined ? `there is no Application "${environment}"` : whyNot(status, digest);
  if (status === undefined || reason !== undefined) {
    const problems = (status?.problems ?? []).map((problem) => `\n  ${problem}`).join('');
    throw new CannotRun(
      `${environment} does not run ${short(digest)} Healthy: ${reason}.${problems}\n` +
        `"npm run status -- --watch" follows it. What works there can go on from there.`,
    );
  }
  return status;
}

function whyNot(status: EnvironmentStatus, digest: string): string | undefined {
  const running = /@(sha256:[0-9a-f]{64})$/.exec(status.image ?? '')?.[1];
  if (running === undefined) {
    return status.image === undefined ? 'it runs nothing' : `it runs ${status.image}, which no digest pins`;
  }
  if (running !== digest) {
    return `it runs ${short(running)} (was the commit pushed, and does the registry have the image?)`;
  }
  if (!isFine(status)) {
    return `it is ${status.sync} and ${status.health}`;
  }
  const { ready, wanted } = status.replicas;
  return ready < wanted ? `${ready} of ${wanted} replicas are ready` : undefined;
}

/**
 * Without a cluster: that the commit which pins the version is in a main that was pushed, so that it was deployed.
 * @throws {CannotRun} when it is in none
 */
export async function requirePushed(
  root: string,
  environment: Environment,
  commit: string,
): Promise<Evidence> {
  const refs = await git(
    root,
    'for-each-ref',
    '--format=%(refname:short)',
    `--contains=${commit}`,
    'refs/remotes',
  );
  const pushed = refs.split('\n').find((ref) => /\/(main|HEAD)$/.test(ref));
  if (pushed === undefined) {
    throw new CannotRun(
      `${environment} never ran what ${commit.slice(0, 10)} pins there: no remote's main has that commit. ` +
        'Push it, see it Healthy, then run this again.',
    );
  }
  return {
    by: 'Git',
    said: `${commit.slice(0, 10)} is in ${pushed}; whether it is Healthy there was not asked (--offline)`,
  };
}

/** Where there is nothing to commit and it is to be pushed: that it was. @throws {CannotRun} when it was not */
export async function requireThere(
  root: string,
  push: string | undefined,
  environment: Environment,
  digest: string,
): Promise<void> {
  if (push === undefined) {
    return;
  }
  const theirs = await fetchMain(root, push);
  const pin = await pinAt(root, environment, theirs);
  if (pin === undefined || !('digest' in pin) || pin.digest !== digest) {
    throw new CannotRun(
      `${environment} is pinned to it here and not in ${push}'s main: "git push ${push} HEAD:main" pushes your commits.`,
    );
  }
}
