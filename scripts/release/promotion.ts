import { CannotRun } from '../cli.ts';
import { type Environment, environments } from '../environment.ts';
import { appName } from '../gitops/app-image.ts';
import { type Proposal, requireCommittable } from './commit.ts';
import { pinFile, pinIn, withDigest } from './pin.ts';
import { releaseFile, revisionIn, withRevision } from './release-settings.ts';
import { called, fileAt, type Version, versionsOf } from './versions.ts';

/** A version that goes from one place to another, and the commit that would take it there. */
export type Move = {
  digest: string;
  revision?: string;
  /** Undefined where everything is there already. */
  proposal: Proposal | undefined;
};

/**
 * What takes a version from one environment to the next one: its digest, and the file that goes with the version. As
 * HEAD has them: what is not committed was never run.
 * @throws {CannotRun} when the environments are not neighbours, or the first one pins no version
 */
export async function proposePromotion(
  root: string,
  from: Environment,
  to: Environment,
): Promise<Move & { pinned: Version }> {
  requireNeighbours(from, to);
  const pin = pinIn((await fileAt(root, 'HEAD', pinFile(from))) ?? '');
  if (pin === undefined || 'tag' in pin) {
    const follows = pin === undefined ? 'names no image' : `follows the tag "${pin.tag}"`;
    throw new CannotRun(
      `${from} ${follows}, which is no version: ${pinFile(from)} must pin a digest. "npm run release" does that in ${environments[0]}.`,
    );
  }
  const [pinned] = await versionsOf(root, from);
  if (pinned === undefined) {
    throw new CannotRun(`No commit here pins ${from} to a digest: ${pinFile(from)} must be committed.`);
  }
  const release = await fileAt(root, 'HEAD', releaseFile(from));
  const revision = revisionIn(release ?? '');
  const files = await settingsOf(root, to, pin.digest, release);
  const what = `${appName}${revision === undefined ? '' : ` ${revision.slice(0, 7)}`}`;
  return {
    digest: pin.digest,
    ...(revision !== undefined && { revision }),
    pinned,
    proposal: files && {
      files,
      from: [pinFile(from), releaseFile(from)],
      message: `Promote ${what} to ${to}\n\nImage: ${appName}@${pin.digest}\nPromoted-From: ${from} at ${pinned.commit}\n`,
    },
  };
}

/**
 * What takes an environment back to a version that it was pinned to before: with the file that went with it at a commit.
 * @throws {CannotRun} when it is pinned to that, or its history is not here
 */
export async function proposeRollback(
  root: string,
  environment: Environment,
  to: Version,
  at: string,
): Promise<Move> {
  const then = await fileAt(root, at, releaseFile(environment));
  const now = await fileAt(root, 'HEAD', releaseFile(environment));
  // A version of before there was such a file: what is said of the one that runs now would not be true of it.
  const release = then ?? (now && withRevision(now, 'none', releaseFile(environment)));
  const files = await settingsOf(root, environment, to.digest, release);
  const what = `${appName} ${called(to)}`;
  return {
    digest: to.digest,
    ...(to.revision !== undefined && { revision: to.revision }),
    proposal: files && {
      files,
      message: `Roll ${environment} back to ${what}\n\nImage: ${appName}@${to.digest}\nRolled-Back-To: ${to.commit}\n`,
    },
  };
}

/** The files of an environment with that version, those that it changes; undefined where there are none. */
async function settingsOf(
  root: string,
  environment: Environment,
  digest: string,
  release: string | undefined,
): Promise<Record<string, string> | undefined> {
  const [pins, settings] = [pinFile(environment), releaseFile(environment)];
  await requireCommittable(root, [pins, settings]);
  const kustomization = await fileAt(root, 'HEAD', pins);
  if (kustomization === undefined) {
    throw new CannotRun(`${pins} is missing at HEAD: it says which image ${environment} runs.`);
  }
  const present = await fileAt(root, 'HEAD', settings);
  const files: Record<string, string> = {};
  const pinned = withDigest(kustomization, digest, pins);
  if (pinned !== kustomization) {
    files[pins] = pinned;
  }
  if (release !== undefined && release !== present) {
    if (present === undefined) {
      throw new CannotRun(
        `${settings} is missing, so no kustomization lists it: make it as the other overlays have it.`,
      );
    }
    files[settings] = release;
  }
  return Object.keys(files).length === 0 ? undefined : files;
}

function requireNeighbours(from: Environment, to: Environment): void {
  const next = environments[environments.indexOf(from) + 1];
  if (next !== to) {
    throw new CannotRun(
      next === undefined
        ? `${from} is the last environment: nothing is promoted from it.`
        : `From ${from} a version goes to ${next}, not to ${to}: "npm run promote -- ${from} ${next}".`,
    );
  }
}
