import { CannotRun } from '../cli.ts';
import { readPorts } from '../cluster/gateway/gateway.ts';
import { clusterLayout, defaultClusterName } from '../cluster/layout.ts';
import type { Environment } from '../environment.ts';
import { appImageName } from '../gitops/app-image.ts';
import { registryHolds } from '../gitops/image-overrides.ts';
import { git } from './commit.ts';
import { type Journey, journeys } from './journey.ts';
import { statusSource } from './status-source.ts';
import { called, type Version, versionsOf } from './versions.ts';

/** Which cluster, and where what was said of commits is kept. */
type Choice = { statuses?: string | undefined; name?: string | undefined; context?: string | undefined };

/** A version to go back to, and the commit whose file of the version goes with it. */
export type Target = { version: Version; at: string };

/**
 * The versions before the one that is pinned. Where that was gone back to, what was left for it is none of them: once more
 * goes further back.
 */
function olderThan<T extends Version>(versions: T[]): { version: T; next: Version }[] {
  const first = versions.findLastIndex(({ digest }) => digest === versions[0]?.digest);
  return versions
    .slice(first + 1)
    .map((version, index) => ({ version, next: versions[first + index] as Version }));
}

/** The version before the one that the environment is pinned to. @throws {CannotRun} when there was none */
export function versionBefore(versions: Version[], environment: Environment): Target {
  const [found] = olderThan(versions);
  if (found === undefined) {
    throw new CannotRun(
      `${environment} was pinned to no version before this one: there is none to go back to.`,
    );
  }
  return { version: found.version, at: `${found.next.commit}^` };
}

/** The version that the environment was pinned to at a commit. @throws {CannotRun} when there was none */
export async function versionAt(root: string, environment: Environment, to: string): Promise<Target> {
  const verify = ['rev-parse', '--verify', '--quiet', '--end-of-options', `${to}^{commit}`];
  const at = await git(root, ...verify).catch(() => {
    throw new CannotRun(`--to ${to}: git knows no such commit.`);
  });
  if ((await git(root, 'merge-base', 'HEAD', at).catch(() => '')) !== at) {
    throw new CannotRun(`--to ${to}: ${environment} was never there, as HEAD does not come from it.`);
  }
  const [version] = await versionsOf(root, environment, at);
  if (version === undefined) {
    throw new CannotRun(
      `--to ${to}: ${environment} was pinned to no version there. "npm run history -- ${environment}" lists them.`,
    );
  }
  return { version, at };
}

/**
 * The last version before that was Healthy and whose image there still is. `say` is told of those that are passed over.
 * @throws {CannotRun} when none is known
 */
export async function lastHealthy(
  root: string,
  environment: Environment,
  choice: Choice,
  say: (line: string) => void,
): Promise<Target> {
  const otherwise = 'give --statuses URL, --to COMMIT, or --offline for the version before.';
  const source = await statusSource(root, choice);
  if (source === undefined) {
    throw new CannotRun(`Which versions were Healthy is not known here: ${otherwise}`);
  }
  const known = await journeys(root, environment, source, 50).catch((error: Error) => {
    throw new CannotRun(`${source.url} cannot be asked (${error.message}): ${otherwise}`);
  });
  const holds = await embeddedRegistry(choice);
  for (const { version, next } of olderThan(known)) {
    const reason = (await holds(version.digest)) ? whyNot(version) : 'whose image the registry does not have';
    if (reason === undefined) {
      return { version, at: `${next.commit}^` };
    }
    say(`passed over: ${called(version)}, ${reason}`);
  }
  throw new CannotRun(`No version before it is known to have been Healthy in ${environment}: ${otherwise}`);
}

function whyNot({ ran: { healthy, last } }: Journey): string | undefined {
  if (last === undefined) {
    return 'of which nothing was said';
  }
  return healthy === undefined
    ? `which was not Healthy for long, and ended as ${last.state}: ${last.description}`
    : undefined;
}

/** Whether the embedded cluster's registry has an image. Another is not asked: it wants to know who asks. */
async function embeddedRegistry({ name, context }: Choice): Promise<(digest: string) => Promise<boolean>> {
  const ports = await readPorts(clusterLayout(name ?? defaultClusterName));
  if (context !== undefined || ports === undefined) {
    return async () => true;
  }
  const image = await appImageName();
  const holds = registryHolds(`127.0.0.1:${ports.registry}`);
  return (digest) => holds({ image, digest });
}
