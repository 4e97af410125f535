import { CannotRun } from '../cli.ts';
import type { Environment } from '../environment.ts';
import type { Kubectl } from '../gitops/kubectl.ts';
import { type EnvironmentStatus, isFine, readStatus } from '../gitops/status.ts';
import { git } from './commit.ts';

/** What makes sure that a version works where it is, before it goes on. */
export type Evidence = { by: 'the cluster' | 'Git'; said: string };

/**
 * The environment runs the digest in the cluster, and nothing else, and is Synced and Healthy.
 * @throws {CannotRun} saying what it does instead
 */
export async function requireHealthy(
  kubectl: Kubectl,
  environment: Environment,
  digest: string,
): Promise<Evidence> {
  const status = (await readStatus(kubectl, [])).find((found) => found.environment === environment);
  const reason = status === undefined ? `there is no Application "${environment}"` : whyNot(status, digest);
  if (reason !== undefined) {
    const problems = (status?.problems ?? []).map((problem) => `\n  ${problem}`).join('');
    throw new CannotRun(
      `${environment} does not run ${short(digest)} Healthy: ${reason}.${problems}\n` +
        `"npm run status -- --watch" follows it. What works there can go on from there.`,
    );
  }
  const { ready, wanted } = status?.replicas ?? { ready: 0, wanted: 0 };
  const at = status?.revision?.slice(0, 10) ?? '';
  return {
    by: 'the cluster',
    said: `${environment} is Synced to ${at} and Healthy, ${ready} of ${wanted} replicas ready`,
  };
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

/** `sha256:4f2a91c0b7d1`. */
export function short(digest: string): string {
  return digest.slice(0, 'sha256:'.length + 12);
}
