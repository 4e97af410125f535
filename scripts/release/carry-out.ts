import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { withTreeAt } from '../check/origin.ts';
import { CannotRun } from '../cli.ts';
import { difference } from '../diff/difference.ts';
import type { Difference } from '../diff/model.ts';
import type { Environment } from '../environment.ts';
import { type ActiveFreeze, activeFreezes, freezesFile, readFreezes } from '../freezes/calendar.ts';
import { addOverride } from '../freezes/override.ts';
import {
  commitFiles,
  git,
  type Proposal,
  publishCommit,
  requireCommittable,
  requirePushable,
} from './commit.ts';

/** What a user asked for besides the change itself. */
export type Asked = {
  dryRun: boolean;
  /** The remote to whose main the commit is pushed. */
  push: string | undefined;
  /** Why a freeze does not hold this up, and until when it then does not hold. */
  override: { reason: string; until: Date } | undefined;
};

/** What became of a proposal. `commit` is undefined where it was a dry run. */
export type Done = {
  difference: Difference;
  commit: string | undefined;
  pushed: boolean;
  /** Whether the branch is at the commit: where others had pushed, the working tree may not have let it. */
  isHere: boolean;
};

/**
 * Makes a proposal a commit: refused while the environment is frozen, shown by `show` before anything is written, then
 * committed and, where that is asked for, pushed. A freeze that is overridden is so in the same commit.
 * @throws {CannotRun} and nothing is changed then
 */
export async function carryOut(
  root: string,
  environment: Environment,
  proposal: Proposal,
  { dryRun, push, override }: Asked,
  show: (difference: Difference) => void,
): Promise<Done> {
  return inProposedTree(root, async (tree) => {
    const now = new Date();
    const frozen = await freezesNow(tree, environment, override, now);
    for (const [file, text] of Object.entries(proposal.files)) {
      await writeFile(path.join(tree, file), text);
    }
    const files = { ...proposal.files };
    const trailers: string[] = [];
    for (const { name } of frozen) {
      const { reason, until } = override ?? { reason: '', until: now };
      const owner = await git(root, 'config', 'user.email');
      const changed = await addOverride(tree, { freeze: name, environment, owner, reason, until }, now);
      for (const file of changed) {
        files[file] = await readFile(path.join(tree, file), 'utf8');
      }
      trailers.push(`Override-Freeze: ${name}: ${reason}\n`);
    }
    await requireCommittable(root, Object.keys(files));
    const relied = [...Object.keys(files), freezesFile, ...(proposal.from ?? [])];
    const theirs = push === undefined ? undefined : await requirePushable(root, push, relied);
    const shown = await difference(root, {
      from: { commit: 'HEAD' },
      to: { folder: tree, name: 'as proposed' },
    });
    show(shown);
    if (dryRun) {
      return { difference: shown, commit: undefined, pushed: false, isHere: true };
    }
    const commit = await commitFiles(root, { files, message: `${proposal.message}${trailers.join('')}` });
    return push === undefined || theirs === undefined
      ? { difference: shown, commit, pushed: false, isHere: true }
      : { difference: shown, pushed: true, ...(await publishCommit(root, push, theirs, relied)) };
  });
}

/** Gives a function the files of HEAD in a folder of its own, which no error names: nobody else has it. */
function inProposedTree<T>(root: string, use: (tree: string) => Promise<T>): Promise<T> {
  return withTreeAt(root, 'HEAD', async (tree) => {
    try {
      return await use(tree);
    } catch (error) {
      throw error instanceof CannotRun ? new CannotRun(error.message.replaceAll(`${tree}/`, '')) : error;
    }
  });
}

/** The freezes that are to be overridden. @throws {CannotRun} when there are some and they are not */
async function freezesNow(
  tree: string,
  environment: Environment,
  override: Asked['override'],
  now: Date,
): Promise<ActiveFreeze[]> {
  const frozen = activeFreezes(await readFreezes(tree), environment, now);
  if (frozen.length > 0 && override === undefined) {
    const freezes = frozen.map(
      ({ name, reason, until }) => `  ${name} until ${until.toISOString()}: ${reason}`,
    );
    throw new CannotRun(
      `${environment} is frozen (${freezesFile}):\n${freezes.join('\n')}\n` +
        '--override-freeze REASON lets this through, and writes into that file who did and why.',
    );
  }
  return frozen;
}

/**
 * What `carryOut` would refuse whatever the proposal is, for who has long work to do before there is one.
 * @param files what the proposal will change
 * @throws {CannotRun}
 */
export function requireOpen(
  root: string,
  environment: Environment,
  files: string[],
  { push, override }: Asked,
): Promise<void> {
  return inProposedTree(root, async (tree) => {
    await freezesNow(tree, environment, override, new Date());
    await requireCommittable(root, files);
    if (push !== undefined) {
      await requirePushable(root, push, [...files, freezesFile]);
    }
  });
}
