import type { Api } from './api.ts';

/** A kind of object as the API serves it. */
export interface Resource {
  /** `apps/v1`, or `v1` of the core. */
  apiVersion: string;
  kind: string;
  plural: string;
  /** Only what has these labels. */
  labels?: string;
  /** Only what has these fields. */
  fields?: string;
  /** Only what is in this namespace; all, where it is absent. */
  namespace?: string;
  /** Whether the page is whole without it: where the cluster has none, or does not let it be read. */
  optional?: true;
}

/** Where the objects of a resource are listed and watched. */
export function pathOf({ apiVersion, plural, namespace }: Resource): string {
  return `${baseOf(apiVersion)}${namespace === undefined ? '' : `/namespaces/${namespace}`}/${plural}`;
}

function baseOf(apiVersion: string): string {
  return apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
}

/** What tells one resource from another. */
export function keyOf(resource: Resource): string {
  return [pathOf(resource), resource.labels ?? '', resource.fields ?? ''].join('?');
}

/**
 * The resource of a kind; undefined where the cluster does not serve it, or not to be watched.
 * @throws {ApiError} when the cluster cannot be asked
 */
export async function discover(api: Api, apiVersion: string, kind: string): Promise<Resource | undefined> {
  const { resources } = await api.json<{ resources: { name: string; kind: string; verbs: string[] }[] }>(
    baseOf(apiVersion),
  );
  const found = resources.find(
    (resource) => resource.kind === kind && !resource.name.includes('/') && resource.verbs.includes('watch'),
  );
  return found && { apiVersion, kind, plural: found.name, optional: true };
}
