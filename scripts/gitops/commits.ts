import { execa } from 'execa';

/** What a reader wants to know of a commit; the time is ISO 8601. */
export interface Commit {
  subject: string;
  author: string;
  committed: string;
}

/** What the first of the repositories that has the commit says of it; undefined where none has. */
export async function describeCommit(revision: string, repositories: string[]): Promise<Commit | undefined> {
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
