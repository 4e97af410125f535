import { type Environment, environments } from '../environment.ts';
import { askForCommit, type Commit, describeCommit } from '../gitops/commits.ts';
import { type Applications, applicationOf, revisionOf } from '../gitops/status.ts';
import type { StatusSource } from '../release/commit-statuses.ts';
import { type Journey, journeys } from '../release/journey.ts';
import { githubApi } from '../release/status-source.ts';

/** How long a commit that no repository has is left before it is looked for again, in milliseconds. */
const pause = 5000;

/** What Git knows of what the environments run: looked up once for each, and told when it is there. */
export class GitHistory {
  readonly #repositories: string[];
  readonly #statuses: StatusSource | undefined;
  readonly #onChange: () => void;
  readonly #commits = new Map<string, Commit>();
  readonly #asked = new Map<string, number>();
  readonly #versions = new Map<Environment, { key: string; version: Journey | undefined }>();
  readonly #underWay = new Set<Promise<void>>();

  /** @param repositories where commits are looked for, in turn; the first one's main is what the cluster deploys */
  constructor(repositories: string[], statuses: StatusSource | undefined, onChange: () => void) {
    this.#repositories = repositories;
    this.#statuses = statuses;
    this.#onChange = onChange;
  }

  /** The commit that an environment was last compared with, where it was found. */
  commit(environment: Environment, objects: Applications): Commit | undefined {
    return this.#commits.get(revisionOf(environment, objects) ?? '');
  }

  /** The version that the environment is pinned to and how it came there, where Git says so. */
  version(environment: Environment): Journey | undefined {
    return this.#versions.get(environment)?.version;
  }

  /** Looks up what is new in the objects. Resolves when that is known, and what was being looked up before. */
  async follow(objects: Applications): Promise<void> {
    const lookUps = environments.flatMap((environment) => {
      const revision = revisionOf(environment, objects);
      return revision === undefined
        ? []
        : [
            this.#lookUpCommit(revision, applicationOf(environment, objects)?.spec?.source?.repoURL ?? ''),
            this.#lookUpVersion(environment, revision, objects),
          ];
    });
    for (const lookUp of lookUps) {
      const noted = lookUp.finally(() => this.#underWay.delete(noted));
      this.#underWay.add(noted);
    }
    await Promise.all(this.#underWay);
  }

  async #lookUpCommit(revision: string, repository: string): Promise<void> {
    if (this.#commits.has(revision) || Date.now() - (this.#asked.get(revision) ?? 0) < pause) {
      return;
    }
    this.#asked.set(revision, Date.now());
    const forge = this.#statuses ?? sourceOf(repository);
    const commit =
      (await describeCommit(revision, this.#repositories)) ??
      (forge === undefined ? undefined : await askForCommit(revision, forge));
    if (commit !== undefined) {
      this.#commits.set(revision, commit);
      this.#onChange();
    }
  }

  /** Anew when the health changes too: then Argo CD has something to say of the commit. */
  async #lookUpVersion(environment: Environment, revision: string, objects: Applications): Promise<void> {
    const key = `${revision} ${applicationOf(environment, objects)?.status?.health?.status}`;
    const last = this.#versions.get(environment);
    const [repository] = this.#repositories;
    if (last?.key === key || repository === undefined) {
      return;
    }
    this.#versions.set(environment, { key, version: last?.version });
    // A shallow clone, or one without the image's commit, says nothing, which is no fault of the cluster's.
    const [version] = await journeys(repository, environment, this.#statuses, 1).catch(() => []);
    this.#versions.set(environment, { key, version });
    this.#onChange();
  }
}

function sourceOf(repository: string): StatusSource | undefined {
  const url = githubApi(repository);
  return url === undefined ? undefined : { url };
}
