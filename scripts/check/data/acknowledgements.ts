import path from 'node:path';
import { gitOutput, type Origin } from '../origin.ts';

/** What a commit's message accepts: an object by its key, and why. Undefined where it does not say both. */
export type Acknowledgement = { said: string; by: string; object: string | undefined };

/** The trailer of a commit's message that accepts what the commit does to an object. */
export const trailer = 'Acknowledge-Impact';

/**
 * What the messages of the commits since the origin accept, and that of the commit that is being made.
 * @param message the file that git has that message in
 * @param last the last of those commits
 */
export async function acknowledgements(
  { root, commit }: Pick<Origin, 'root' | 'commit'>,
  message: string | undefined,
  last = 'HEAD',
): Promise<Acknowledgement[]> {
  const format = `%h%x1f%(trailers:key=${trailer},valueonly,unfold,separator=%x1f)%x1e`;
  const [log = '', parsed = ''] = await Promise.all([
    gitOutput(root, 'log', '--no-color', `--format=${format}`, `${commit}..${last}`),
    message && gitOutput(root, 'interpret-trailers', '--parse', path.resolve(message)),
  ]);
  const landed = log.split('\x1e').flatMap((entry) => {
    const [by = '', ...values] = entry.trim().split('\x1f');
    return values.filter((value) => value !== '').map((said) => read(said, `commit ${by}`));
  });
  const prefix = `${trailer}:`.toLowerCase();
  const lines = parsed.split('\n').filter((line) => line.toLowerCase().startsWith(prefix));
  return [...landed, ...lines.map((line) => read(line.slice(prefix.length).trim(), 'the message'))];
}

function read(said: string, by: string): Acknowledgement {
  return { said, by, object: /^([^\s/]+\/\S+?(?: in \S+?)?):\s+\S/.exec(said)?.[1] };
}
