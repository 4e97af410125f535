import { environments } from '../environment.ts';
import type { Application } from '../gitops/status.ts';
import type { Api } from '../watch/api.ts';
import type { ClusterWatch } from '../watch/cluster-watch.ts';
import { discover, type Resource } from '../watch/resources.ts';
import { shown } from './shown-resources.ts';

type ApplicationWithResources = Application & {
  status?: { resources?: { group?: string; version: string; kind: string }[] };
};

/** Has the kinds watched that the environments' Applications deploy, so that their heals are seen. */
export class TrackedKinds {
  readonly #api: Api;
  readonly #watch: ClusterWatch;
  readonly #known = new Set<string>();

  constructor(api: Api, watch: ClusterWatch) {
    this.#api = api;
    this.#watch = watch;
  }

  /** Begins with the kinds that are new. Secrets are nobody's to watch. */
  async follow(applications: readonly ApplicationWithResources[]): Promise<void> {
    const kinds = applications
      .filter(({ metadata }) => environments.some((environment) => environment === metadata.name))
      .flatMap(({ status }) => status?.resources ?? [])
      .filter(({ kind }) => kind !== 'Secret');
    for (const { group, version, kind } of kinds) {
      const apiVersion = [group, version].filter(Boolean).join('/');
      const key = `${apiVersion} ${kind}`;
      if (this.#known.has(key)) {
        continue;
      }
      this.#known.add(key);
      try {
        const resource = await discover(this.#api, apiVersion, kind);
        if (resource !== undefined) {
          void this.#watch.add(asShown(resource));
        }
      } catch {
        // The cluster is away: with its return comes a change, and this is asked again.
        this.#known.delete(key);
      }
    }
  }
}

/** A resource that is watched whole already is not watched a second time. */
function asShown(resource: Resource): Resource {
  const same = Object.values<Resource>(shown).find(
    ({ apiVersion, kind, labels, namespace }) =>
      apiVersion === resource.apiVersion &&
      kind === resource.kind &&
      labels === undefined &&
      namespace === undefined,
  );
  return same ?? resource;
}
