import { type JsonMap, maps, text, valueAt } from '../check/model.ts';
import { gitOutput } from '../check/origin.ts';
import { CannotRun } from '../cli.ts';
import { type Kubectl, KubectlError } from '../gitops/kubectl.ts';

/** The Applications of a cluster. @throws {CannotRun} when it has no Argo CD */
export async function readApplications(kubectl: Kubectl): Promise<JsonMap[]> {
  try {
    const list = await kubectl.json<JsonMap>(['get', 'applications.argoproj.io', '--all-namespaces']);
    return maps(list?.items);
  } catch (error) {
    if (error instanceof KubectlError && error.message.includes("doesn't have a resource type")) {
      throw new CannotRun(
        'This cluster has no Argo CD, so nothing in it is deployed from Git: "npm start" installs it, or name another cluster.',
      );
    }
    throw error;
  }
}

/** The commit that an Application was last compared with, '' where it was with none. */
function revisionOf(application: JsonMap): string {
  return text(valueAt(application, ['status', 'sync', 'revision']));
}

/**
 * The newest commit that Applications were compared with, and which of the repositories has it; those that know none of
 * the commits are passed over.
 * @throws {CannotRun} when none knows one
 */
export async function deployedCommit(
  applications: JsonMap[],
  repositories: string[],
): Promise<{ repository: string; commit: string }> {
  const revisions = [...new Set(applications.map(revisionOf))].filter((one) => /^[0-9a-f]{40,}$/.test(one));
  for (const repository of repositories) {
    const known = await Promise.all(
      revisions.map(async (revision) => {
        const there = await gitOutput(repository, 'rev-parse', '--verify', '--quiet', `${revision}^{commit}`);
        return there ?? [];
      }),
    );
    const commits = known.flat();
    const commit =
      commits.length > 0
        ? await gitOutput(repository, 'rev-list', '--topo-order', '--max-count=1', ...commits)
        : undefined;
    if (commit !== undefined) {
      return { repository, commit };
    }
  }
  throw new CannotRun(
    revisions.length === 0
      ? 'Argo CD has compared no Application with a commit yet: wait until "npm run status" shows one, or say with --root which files are meant.'
      : `git knows none of the commits that Argo CD deploys (${revisions.map((one) => one.slice(0, 10)).join(', ')}): "git fetch" them, or say with --root which files are meant.`,
  );
}
