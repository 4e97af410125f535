/**
 * What a statement does to the version that runs while it is migrated. `message` says that and what to do instead; it
 * is not there where that version is fine as long as none older runs. `breaks`: a version that knows nothing of the
 * migration cannot work with what is left, or its data is lost; without it, it only waits, or the migration does.
 */
export type Hazard = { message?: string; breaks?: string };

/** One that breaks, and what to do instead. */
export function breaking(breaks: string, instead: string): Hazard {
  return { message: `${breaks}: ${instead}`, breaks };
}
