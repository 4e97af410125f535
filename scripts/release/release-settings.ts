import { parse } from 'yaml';
import type { Environment } from '../environment.ts';
import { withValue } from './yaml-edit.ts';

/** OCI's own name for the commit that an image was built from. */
const revisionKey = 'org.opencontainers.image.revision';

/** The file of an overlay that goes with the version, relative to the repository. */
export function releaseFile(environment: Environment): string {
  return `overlays/${environment}/release.yaml`;
}

/** The commit that the release's image was built from; undefined where none is said. */
export function revisionIn(release: string): string | undefined {
  try {
    const patch = parse(release) as { metadata?: { annotations?: Record<string, unknown> } } | null;
    const revision = patch?.metadata?.annotations?.[revisionKey];
    return typeof revision === 'string' && /^[0-9a-f]{7,64}$/.test(revision) ? revision : undefined;
  } catch {
    return undefined;
  }
}

/** The file with another revision, and each byte of everything else as it was. @throws {CannotRun} */
export function withRevision(release: string, revision: string, file: string): string {
  return withValue(release, ['metadata', 'annotations', revisionKey], revision, file);
}
