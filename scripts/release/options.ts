import { CannotRun } from '../cli.ts';
import { defaultClusterName } from '../cluster/layout.ts';
import { clusterReference } from '../cluster-reference.ts';
import { type Kubectl, kubectlFor } from '../gitops/kubectl.ts';
import type { Asked } from './carry-out.ts';

/** The options of every verb that makes a commit of a change, for `run`. */
export const options = {
  'dry-run': { type: 'boolean' },
  push: { type: 'string' },
  'override-freeze': { type: 'string' },
  'override-until': { type: 'string' },
  name: { type: 'string' },
  context: { type: 'string' },
  json: { type: 'boolean' },
} as const;

/** What --help says of them. @param dryRun what the verb does in a dry run */
export const optionsHelp = (
  dryRun = 'shows what would change, and changes nothing',
) => `  --dry-run                ${dryRun}
  --push REMOTE            pushes the commit, and no other, to that remote's main: on top of what others pushed, or not
                           at all where they changed what it is about
  --override-freeze REASON lets it through during a freeze, and writes into policies/freezes.yaml who did and why
  --override-until TIME    until when it may be done, at most a day from now (default: one hour). Argo CD's window is
                           open until a commit takes the override out of that file again
  --name NAME              the embedded cluster of that name (default: ${defaultClusterName})
  --context NAME           the cluster of that kubectl context
  --json                   one JSON object on standard output`;

/** As the schema of policies/freezes.yaml has it. */
const shortestReason = 10;

type Given = {
  'dry-run'?: boolean | undefined;
  push?: string | undefined;
  'override-freeze'?: string | undefined;
  'override-until'?: string | undefined;
};

/** @throws {CannotRun} when they do not go together */
export function asked(given: Given): Asked {
  const { 'dry-run': dryRun = false, push, 'override-freeze': reason, 'override-until': until } = given;
  if (dryRun && push !== undefined) {
    throw new CannotRun('--dry-run makes no commit, so there is nothing to --push: leave one of them away.');
  }
  if (reason === undefined) {
    if (until !== undefined) {
      throw new CannotRun('--override-until goes with --override-freeze REASON.');
    }
    return { dryRun, push, override: undefined };
  }
  if (reason.trim().length < shortestReason || /\p{Cc}/u.test(reason)) {
    throw new CannotRun(
      `--override-freeze: say the reason in one line of ${shortestReason} characters or more; it is written into the commit.`,
    );
  }
  const end = until === undefined ? new Date(Date.now() + 60 * 60_000) : new Date(until);
  if (Number.isNaN(end.getTime())) {
    throw new CannotRun(`--override-until ${until}: no time such as 2026-12-21T12:00:00Z.`);
  }
  // Whole seconds, as the file has them.
  return { dryRun, push, override: { reason, until: new Date(Math.ceil(end.getTime() / 1000) * 1000) } };
}

/** kubectl of the cluster that the user means. @throws {CannotRun} when it cannot be asked */
export async function clusterOf(choice: {
  name?: string | undefined;
  context?: string | undefined;
}): Promise<Kubectl> {
  const kubectl = await kubectlFor(clusterReference(choice));
  await kubectl(['get', 'namespace', 'argocd']).catch((error: Error) => {
    throw new CannotRun(`The cluster cannot be asked: ${error.message}`);
  });
  return kubectl;
}

/** @throws {CannotRun} when a cluster is named and none is to be asked */
export function requireOneSource(
  offline: boolean | undefined,
  { name, context }: { name?: string | undefined; context?: string | undefined },
): void {
  if (offline === true && (name ?? context) !== undefined) {
    throw new CannotRun(
      '--offline asks no cluster, and --name and --context say which: leave one of them away.',
    );
  }
}
