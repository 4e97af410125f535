/** How the API serves a kind. */
export type Resource = {
  group: string;
  version: string;
  /** The plural in URLs and in policies' `resources`. */
  name: string;
  namespaced: boolean;
  /** The versions besides this one in which the same objects are served. */
  otherVersions: string[];
  /** Since when the kind is announced to go. */
  deprecated?: string;
};

/** By apiVersion and kind, joined by a space. */
export type Resources = Map<string, Resource>;

/** The key of a kind in `Resources`. */
export function resourceKey(apiVersion: string, kind: string): string {
  return `${apiVersion} ${kind}`;
}
