import type { Environment } from '../environment.ts';
import { git } from './commit.ts';
import type { Version } from './versions.ts';

/** What Argo CD's notifications say of a commit in an environment: GitHub's states of a commit status. */
type DeployState = 'pending' | 'success' | 'failure' | 'error';

/** One commit status, as GitHub's REST API lists it. */
export type CommitStatus = {
  state: DeployState;
  context: string;
  description: string | null;
  target_url: string | null;
  created_at: string;
};

/** The context of an environment's commit statuses, as argocd/commit-statuses.yaml writes it. */
function contextOf(environment: Environment): string {
  return `argocd/${environment}`;
}

/** Where commit statuses are asked for, such as `https://api.github.com/repos/OWNER/NAME`; `token` is for private ones. */
export type StatusSource = { url: string; token?: string };

/** How a version did, from what was reported of the commits that deployed it. Times are ISO 8601. */
export type Ran = { healthy?: string; last?: { state: DeployState; at: string; description: string } };

/** How many commits after the one that pins a version are asked about: the push that brought it may have had more. */
const farthest = 20;

/**
 * What was reported of a version in an environment, from the commit that pinned it up to the one that pinned the next.
 * @throws {Error} when the source cannot be asked
 */
export async function reportedOf(
  source: StatusSource,
  root: string,
  environment: Environment,
  version: Version,
  next: Version | undefined,
): Promise<Ran> {
  const until = next === undefined ? 'HEAD' : `${next.commit}^`;
  const range = `${version.commit}..${until}`;
  const later = (await git(root, 'rev-list', '--first-parent', '--reverse', range)).split('\n');
  const commits = [version.commit, ...later].filter((commit) => commit !== '').slice(0, farthest);
  const reports = (await Promise.all(commits.map((commit) => statusesOf(source, commit)))).flat();
  const own = reports
    .filter(({ context }) => context === contextOf(environment))
    .toSorted((one, other) => one.created_at.localeCompare(other.created_at));
  const healthy = own.find(
    (report, index) => report.state === 'success' && stayed(report, own[index + 1]),
  )?.created_at;
  const last = own.at(-1);
  return {
    ...(healthy !== undefined && { healthy }),
    ...(last && { last: { state: last.state, at: last.created_at, description: last.description ?? '' } }),
  };
}

/** Argo CD may call an Application Healthy a moment before it sees what it has just applied. */
function stayed(report: CommitStatus, next: CommitStatus | undefined): boolean {
  return next === undefined || Date.parse(next.created_at) - Date.parse(report.created_at) > 30_000;
}

async function statusesOf({ url, token }: StatusSource, commit: string): Promise<CommitStatus[]> {
  const response = await fetch(`${url}/commits/${commit}/statuses?per_page=100`, {
    headers: {
      accept: 'application/vnd.github+json',
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
    },
    signal: AbortSignal.timeout(10_000),
  });
  // What was not pushed is not known there.
  if (response.status === 404 || response.status === 422) {
    return [];
  }
  if (!response.ok) {
    throw new Error(`${url} answered ${response.status}`);
  }
  return (await response.json()) as CommitStatus[];
}
