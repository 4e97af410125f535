/** Whose packages an advisory is about. */
export type Ecosystem = 'npm' | 'go';

/** A known vulnerability of a package that the repository depends on. */
export interface Advisory {
  ecosystem: Ecosystem;
  /** As its database calls it, such as GHSA-2m9h-r57g-45pj or GO-2026-4337. */
  id: string;
  package: string;
  title: string;
  url: string;
  /** What it is about, and what mends it, as far as the database knows. */
  remedy: string;
  /** The files that have the package, relative to the root. */
  files: string[];
}

/** What a database says of the repository, or why it could not be asked. */
export type Answer = { ecosystem: Ecosystem } & ({ advisories: Advisory[] } | { unreachable: string });
