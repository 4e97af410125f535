import { execa } from 'execa';

/** What a reader wants to know of a commit; the time is ISO 8601. */
export interface Commit {
  subject: string;
  author: string;
  committed: string;
}

/** As much of what GitHub's REST API says of a commit. */
export interface GithubCommit {
  commit: { message: string; author: { name: string }; committer: { date: string } };
}

/** A commit's name, and nothing that a program would take for an option or a path: the cluster says it. */
const isCommit = (revision: string) => /^[0-9a-f]{40}([0-9a-f]{24})?$/.test(revision);

/** What the first of the repositories that has the commit says of it; undefined where none has. */
export async function describeCommit(revision: string, repositories: string[]): Promise<Commit | undefined> {
  if (!isCommit(revision)) {
    return undefined;
  }
  for (const repository of repositories) {
    const log = ['-C', repository, 'log', '-1', '--format=%cI%x00%an%x00%s', revision, '--'];
    const result = await execa('git', log, { reject: false });
    const [committed, author, subject] = result.failed ? [] : result.stdout.split('\0');
    if (committed !== undefined && author !== undefined && subject !== undefined) {
      return { subject, author, committed };
    }
  }
  return undefined;
}

/**
 * What a forge with GitHub's REST API says of the commit; undefined where it says nothing.
 * @param source such as `https://api.github.com/repos/OWNER/NAME`; `token` for a private one
 */
export async function askForCommit(
  revision: string,
  { url, token }: { url: string; token?: string },
): Promise<Commit | undefined> {
  if (!isCommit(revision)) {
    return undefined;
  }
  const headers = {
    accept: 'application/vnd.github+json',
    ...(token !== undefined && { authorization: `Bearer ${token}` }),
  };
  const signal = AbortSignal.timeout(5000);
  try {
    const answer = await fetch(`${url}/commits/${revision}`, { headers, signal });
    const { commit } = (await answer.json()) as GithubCommit;
    const [subject = ''] = commit.message.split('\n');
    return { subject, author: commit.author.name, committed: commit.committer.date };
  } catch {
    return undefined; // away, or no such API
  }
}
