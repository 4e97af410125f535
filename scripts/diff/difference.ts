import { acknowledgements } from '../check/data/acknowledgements.ts';
import { impactsOf } from '../check/data/impacts.ts';
import { originOf } from '../check/origin.ts';
import { CannotRun } from '../cli.ts';
import { compare } from './compare.ts';
import type { Difference } from './model.ts';
import { commitNamed, renderSide, type Side, type Tree } from './trees.ts';

/** What is compared; `message` is the file with the message of a commit that is about to be. */
export type Comparison = { from?: Side; to?: Side; message?: string };

/**
 * What changes from one state of a repository to another, by default from where the working tree's history left the
 * default branch to its files.
 * @throws {CannotRun} when there is no such state, or it does not render
 */
export async function difference(
  root: string,
  { from, to = { folder: root }, message }: Comparison,
  progress: (line: string) => void = () => {},
): Promise<Difference> {
  const first = from ?? { commit: await defaultCommit(root) };
  const [was, is] = [await renderSide(root, first, progress), await renderSide(root, to, progress)];
  return compare(was, is, {
    said: impactsOf(withPlaces(was), is.holdings).map(({ id, environment, message }) => ({
      id,
      environment,
      note: { impact: 'data', rule: 'data-removed', message },
    })),
    accepted: await acceptedBetween(root, first, to, message),
  });
}

/** @throws {CannotRun} when git knows no default branch */
async function defaultCommit(root: string): Promise<string> {
  const origin = await originOf(root);
  if (origin === undefined) {
    throw new CannotRun(
      `git knows neither origin/HEAD, origin/main nor main of ${root}: name what to compare with, "npm run diff -- REF".`,
    );
  }
  return origin.commit;
}

/**
 * The objects whose impacts the commits between two sides accept, by their keys.
 * @throws {CannotRun} when git does not know the commits
 */
export async function acceptedBetween(
  root: string,
  from: Side,
  to: Side,
  message: string | undefined,
): Promise<(string | undefined)[]> {
  if ('folder' in from) {
    return [];
  }
  const { commit } = await commitNamed(root, from.commit);
  const last = 'commit' in to ? (await commitNamed(root, to.commit)).commit : 'HEAD';
  return (await acknowledgements({ root, commit }, message, last)).map(({ object }) => object);
}

/** Where things were is not asked here: objects are shown, not lines. */
function withPlaces({ holdings }: Tree) {
  const at = <T>(held: T) => ({ ...held, place: { file: '' }, line: '' });
  return { objects: holdings.objects.map(at), owners: holdings.owners.map(at) };
}
