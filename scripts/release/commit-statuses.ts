import { span } from '../columns.ts';
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

/**
 * How a version did, from what was reported of the commits that deployed it. Times are ISO 8601. `healthy` is since when it
 * was, and absent where it never was for long, or not for half of its time.
 */
export type Ran = { healthy?: string; last?: { state: DeployState; at: string; description: string } };

/** How long it takes for Healthy to be believed, in milliseconds: what crashes is Healthy between two crashes. */
const believed = 20_000;

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
  const healthy = healthySince(own, next === undefined ? Date.now() : Date.parse(next.committed));
  const last = own.at(-1);
  return {
    ...(healthy !== undefined && { healthy }),
    ...(last && { last: { state: last.state, at: last.created_at, description: last.description ?? '' } }),
  };
}

/** Since when it was Healthy for long enough, where that was so for half of its time or more. */
function healthySince(reports: CommitStatus[], end: number): string | undefined {
  const runs: { since: string; length: number }[] = [];
  let inAll = 0;
  for (const [index, { state, created_at }] of reports.entries()) {
    const length = Math.max(
      0,
      (Date.parse(reports[index + 1]?.created_at ?? '') || end) - Date.parse(created_at),
    );
    if (state !== 'success') {
      continue;
    }
    inAll += length;
    // Each commit is reported anew: two in a row that are Healthy are one.
    const before = reports[index - 1]?.state === 'success' ? runs.pop() : undefined;
    runs.push({ since: before?.since ?? created_at, length: length + (before?.length ?? 0) });
  }
  const all = end - Date.parse(reports[0]?.created_at ?? '');
  return inAll >= all / 2 ? runs.find(({ length }) => length >= believed)?.since : undefined;
}

/** How it did in words, and whether that is good; `since` is when it was pinned. */
export function howItDid({ healthy, last }: Ran, since: string): { said: string; isGood: boolean } {
  if (last === undefined) {
    return { said: '-', isGood: true };
  }
  const after = healthy && `Healthy after ${span(Date.parse(healthy) - Date.parse(since))}`;
  if (last.state === 'success') {
    return { said: after ?? 'Healthy, not for long', isGood: after !== undefined };
  }
  const ended = `${last.state}: ${last.description}`;
  return { said: after === undefined ? ended : `${after}, then ${ended}`, isGood: false };
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
