import { lstatSync, readFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { gitOutput } from '../origin.ts';
import type { SourceFinding } from '../sources.ts';
import { type Committed, committedSecrets } from './history.ts';
import { blobName, KnownBlobs } from './known-blobs.ts';
import { largest, type Secret } from './scanner.ts';

/**
 * Credentials in plain text. In the history alone are those that no file has any more; with `since` those that came
 * after that revision.
 */
export async function secretFindings(root: string, since?: string): Promise<SourceFinding[]> {
  const blobs = new KnownBlobs();
  const inFiles: (Secret & { file: string })[] = [];
  for (const { file, blob } of await filesOf(root)) {
    const absolute = path.join(root, file);
    const read = () => readFileSync(absolute);
    // What Git has not seen as it is must be read to be known.
    const content = blob === undefined ? contentOf(absolute) : undefined;
    if (blob !== undefined || content !== undefined) {
      const name = blob ?? blobName(content ?? Buffer.of());
      const secrets = await blobs.secrets(name, file, () => content ?? read());
      inFiles.push(...secrets.map((secret) => ({ ...secret, file })));
    }
  }
  const there = new Set(inFiles.map(({ fingerprint }) => fingerprint));
  const committed = await committedSecrets(root, blobs, since);
  await blobs.keep();
  return [
    ...inFiles.map(
      ({ file, line, what }): SourceFinding => ({
        rule: 'secret-in-file',
        file: path.join(root, file),
        line,
        message: `${what} in plain text`,
      }),
    ),
    ...committed
      .filter(({ fingerprint }) => !there.has(fingerprint))
      .map((secret) => inHistory(root, secret)),
  ];
}

function inHistory(root: string, { file, line, what, commit }: Committed): SourceFinding {
  // Without a line: the one of today has something else.
  const message = `${what} was in line ${line} as of ${commit.slice(0, 12)}, and is in every clone`;
  return { rule: 'secret-in-history', file: path.join(root, file), message };
}

/**
 * The files that Git tracks, and those that it would add, with the name of their content where it is as Git has it. Where
 * there is no repository, all files.
 */
async function filesOf(root: string): Promise<{ file: string; blob?: string }[]> {
  const [staged, changed, added] = await Promise.all([
    gitOutput(root, 'ls-files', '--stage', '-z'),
    gitOutput(root, 'diff-files', '--name-only', '--relative', '-z'),
    gitOutput(root, 'ls-files', '--others', '--exclude-standard', '-z'),
  ]);
  if (staged === undefined || changed === undefined || added === undefined) {
    const all = await readdir(root, { recursive: true });
    return all.filter((file) => !/(^|\/)node_modules\//.test(file)).map((file) => ({ file }));
  }
  const parts = (text: string) => text.split('\0').filter((part) => part !== '');
  const dirty = new Set(parts(changed));
  const tracked = parts(staged).flatMap((entry) => {
    const [, mode = '', blob = '', file = ''] = /^(\d+) (\w+) \d\t(.*)$/s.exec(entry) ?? [];
    // A link's content is a path, and a submodule is another's.
    const isFile = mode.startsWith('100');
    return isFile ? [dirty.has(file) ? { file } : { file, blob }] : [];
  });
  return [...tracked, ...parts(added).map((file) => ({ file }))];
}

/** Undefined for what is no file, or too large to have what somebody wrote. */
function contentOf(file: string): Buffer | undefined {
  const found = lstatSync(file, { throwIfNoEntry: false });
  return found?.isFile() === true && found.size <= largest ? readFileSync(file) : undefined;
}
