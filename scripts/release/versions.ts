import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { execa } from 'execa';
import { CannotRun } from '../cli.ts';
import type { Environment } from '../environment.ts';
import { git } from './commit.ts';
import { pinFile, pinIn } from './pin.ts';
import { releaseFile, revisionIn } from './release-settings.ts';

/** A version that Git said an environment runs, from a commit on. */
export type Version = {
  digest: string;
  /** The service's commit that the image was built from, where the release says it. */
  revision?: string;
  /** The commit that pinned it. */
  commit: string;
  /** Who made that commit, and when (ISO 8601). */
  author: string;
  committed: string;
  subject: string;
};

/** `sha256:4f2a91c0b7d1`. */
export function short(digest: string): string {
  return digest.slice(0, 'sha256:'.length + 12);
}

/** What a reader calls a version: its commit, or else its digest. */
export function called({ revision, digest }: Pick<Version, 'revision' | 'digest'>): string {
  return revision?.slice(0, 7) ?? short(digest);
}

/**
 * The versions that an environment was pinned to in the history of a commit, the last one first; a tag is none. One
 * that came back is there each time.
 * Of a shallow clone's first commit nobody knows what it changed: a version that was there already is left out.
 * @throws {CannotRun} when the commit is not known, or a shallow clone has no version
 */
export async function versionsOf(root: string, environment: Environment, at = 'HEAD'): Promise<Version[]> {
  const format = '--format=%H%x00%an%x00%cI%x00%s';
  // On the branch itself: what a merge brought was pinned by the merge.
  const log = ['log', '--first-parent', '--diff-merges=first-parent', format, at, '--'];
  const commits = (await git(root, ...log, pinFile(environment), releaseFile(environment))).split('\n');
  const versions: Version[] = [];
  const boundaries = await shallowBoundaries(root);
  let before = '';
  for (const line of commits.filter((line) => line !== '').toReversed()) {
    const [commit = '', author = '', committed = '', subject = ''] = line.split('\0');
    const [pin, revision] = await Promise.all([
      pinAt(root, environment, commit),
      revisionAt(root, environment, commit),
    ]);
    const digest = pin !== undefined && 'digest' in pin ? pin.digest : '';
    const isNew = digest !== '' && digest !== before && !boundaries.includes(commit);
    before = digest;
    if (!isNew) {
      continue;
    }
    versions.unshift({
      digest,
      ...(revision !== undefined && { revision }),
      commit,
      author,
      committed,
      subject,
    });
  }
  if (versions.length === 0 && boundaries.length > 0) {
    throw new CannotRun(
      'This clone has not all of its history: "git fetch --unshallow", then run this again.',
    );
  }
  return versions;
}

/** The commits at which the history of a shallow clone begins. */
async function shallowBoundaries(root: string): Promise<string[]> {
  const file = path.resolve(root, await git(root, 'rev-parse', '--git-path', 'shallow'));
  return (await readFile(file, 'utf8').catch(() => '')).split('\n').filter((line) => line !== '');
}

/** What an environment pins at a commit. */
export async function pinAt(root: string, environment: Environment, commit: string) {
  return pinIn((await fileAt(root, commit, pinFile(environment))) ?? '');
}

async function revisionAt(root: string, environment: Environment, commit: string) {
  return revisionIn((await fileAt(root, commit, releaseFile(environment))) ?? '');
}

/** A file's text at a commit, to the byte; undefined where that has none. */
export async function fileAt(root: string, commit: string, file: string): Promise<string | undefined> {
  const show = ['-C', root, 'show', `${commit}:${file}`];
  const { stdout, failed } = await execa('git', show, { reject: false, stripFinalNewline: false });
  return failed ? undefined : stdout;
}
