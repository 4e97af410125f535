import { appendFile, readFile } from 'node:fs/promises';
import type http from 'node:http';
import path from 'node:path';
import { execa } from 'execa';
import { type Commit, describeCommit, type GithubCommit } from '../../gitops/commits.ts';
import type { CommitStatus } from '../../release/commit-statuses.ts';

type Stored = CommitStatus & { sha: string };

const longest = 16 * 1024;

/** What has Argo CD's notifications come here. */
export const toldHerePatch = path.join(import.meta.dirname, 'told-here.yaml');

/** The file that keeps what was reported, a line each. */
const statusesFile = (state: string) => path.join(state, 'commit-statuses.jsonl');

/**
 * The calls of GitHub's REST API by which commit statuses come and are asked for, and a commit, so that Argo CD's
 * notifications and the status page are the same here as there. Returns whether the request was one of them.
 * @param state the folder that keeps what was reported
 */
export async function serveCommitStatuses(
  state: string,
  repository: string,
  request: http.IncomingMessage,
  response: http.ServerResponse,
  pathname: string,
): Promise<boolean> {
  // Argo CD makes `/quotes` of the URL, which has no owner.
  const created = /^\/repos\/.*\/statuses\/([0-9a-f]{40})$/.exec(pathname)?.[1];
  const asked = /^\/repos\/.*\/commits\/([0-9a-f]{40})\/statuses$/.exec(pathname)?.[1];
  const described = /^\/repos\/.*\/commits\/([0-9a-f]{40})$/.exec(pathname)?.[1];
  const answer = (code: number, body: unknown) => {
    response.writeHead(code, { 'content-type': 'application/json' });
    response.end(JSON.stringify(body));
    return true;
  };
  if (request.method === 'GET' && asked !== undefined) {
    const known = (await stored(state)).filter(({ sha }) => sha === asked);
    return answer(
      200,
      known.toReversed().map(({ sha: _, ...status }) => status),
    );
  }
  if (request.method === 'GET' && described !== undefined) {
    const commit = await describeCommit(described, [repository]);
    return commit === undefined
      ? answer(422, { message: `No commit found for SHA: ${described}` })
      : answer(200, asGithub(described, commit));
  }
  if (request.method === 'POST' && created !== undefined) {
    const status = parse(await body(request));
    if (typeof status === 'string') {
      return answer(422, { message: status });
    }
    const commit = ['-C', repository, 'cat-file', '-e', `${created}^{commit}`];
    if ((await execa('git', commit, { reject: false })).failed) {
      return answer(422, { message: `No commit found for SHA: ${created}` });
    }
    const entry: Stored = { sha: created, ...status, created_at: new Date().toISOString() };
    await appendFile(statusesFile(state), `${JSON.stringify(entry)}\n`);
    return answer(201, status);
  }
  return false;
}

function asGithub(sha: string, { subject, author, committed }: Commit): GithubCommit & { sha: string } {
  return { sha, commit: { message: subject, author: { name: author }, committer: { date: committed } } };
}

async function stored(folder: string): Promise<Stored[]> {
  const text = await readFile(statusesFile(folder), 'utf8').catch(() => '');
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Stored);
}

/** A commit status as GitHub takes it; a text says what is wrong with it. */
function parse(text: string | undefined): Omit<CommitStatus, 'created_at'> | string {
  let given: Partial<Record<keyof CommitStatus, unknown>> | null;
  try {
    given = JSON.parse(text ?? '') as typeof given;
  } catch {
    return `no JSON of at most ${longest} bytes`;
  }
  const { state, context = 'default', description = null, target_url = null } = given ?? {};
  if (state !== 'pending' && state !== 'success' && state !== 'failure' && state !== 'error') {
    return 'state must be one of error, failure, pending and success';
  }
  if (typeof context !== 'string' || !(description === null || typeof description === 'string')) {
    return 'context and description must be strings';
  }
  return {
    state,
    context,
    description,
    target_url: typeof target_url === 'string' ? target_url : null,
  };
}

/** The request's body; undefined where it is too long. */
async function body(request: http.IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size <= longest) {
      chunks.push(chunk);
    }
  }
  return size <= longest ? Buffer.concat(chunks).toString() : undefined;
}
