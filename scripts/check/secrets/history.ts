import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { CannotRun } from '../../cli.ts';
import { gitOutput } from '../origin.ts';
import { cachedRender, keepRender } from '../render-cache.ts';
import type { KnownBlobs } from './known-blobs.ts';
import { largest, type Secret, scannerVersion } from './scanner.ts';

/** A credential, the file that it was in, and the first commit that has it. */
export type Committed = Secret & { file: string; commit: string };

/** How many contents are asked of Git at a time. */
const batch = 200;

/**
 * The credentials in the history of the commit that is checked out, each once; with `since` in what came after it. A
 * commit's history never changes: it is looked through once.
 */
export async function committedSecrets(
  root: string,
  blobs: KnownBlobs,
  since: string | undefined,
): Promise<Committed[]> {
  const named = since === undefined ? ['HEAD'] : ['HEAD', since];
  const commits = (await gitOutput(root, 'rev-parse', ...named.map((name) => `${name}^{commit}`)))?.split(
    '\n',
  );
  if (commits === undefined) {
    return [];
  }
  // A clone that is made deeper has more of the same commit.
  const shallow = await gitOutput(root, 'rev-parse', '--is-shallow-repository');
  const salt = `history ${scannerVersion} ${commits.join(' ')} ${shallow === 'true' ? root : ''}`;
  const key = createHash('sha256').update(salt).digest('hex');
  const cached = shallow === 'true' ? undefined : ((await cachedRender(key)) as Committed[] | undefined);
  if (cached !== undefined) {
    return cached;
  }
  const [head = '', ...before] = commits;
  const range = [head, ...before.map((commit) => `^${commit}`)];
  const found = new Map<string, Committed>();
  for (const { blob, file, secrets } of await blobsIn(root, range, blobs)) {
    for (const secret of secrets.filter(({ fingerprint }) => !found.has(fingerprint))) {
      found.set(secret.fingerprint, { ...secret, file, commit: await firstWith(root, range, blob) });
    }
  }
  await keepRender(key, [...found.values()]);
  return [...found.values()];
}

type Looked = { blob: string; file: string; secrets: Secret[] };

/** The contents that commits brought and that have credentials, the oldest first. */
async function blobsIn(root: string, range: string[], blobs: KnownBlobs): Promise<Looked[]> {
  const listed = await gitOutput(
    root,
    ...['rev-list', '--objects', '--filter-provided-objects'],
    `--filter=combine:object:type=blob+blob:limit=${largest}`,
    ...range,
  );
  if (listed === undefined) {
    throw new CannotRun(
      'git cannot list the history, so no secret is looked for in it: "git fsck" says what is wrong.',
    );
  }
  const all = listed.split('\n').flatMap((entry) => {
    const [, blob, file] = /^([0-9a-f]+) (.+)$/.exec(entry) ?? [];
    return blob === undefined || file === undefined ? [] : [{ blob, file }];
  });
  const unknown: typeof all = [];
  for (const one of all) {
    if (!(await blobs.has(one.blob))) {
      unknown.push(one);
    }
  }
  for (let at = 0; at < unknown.length; at += batch) {
    const some = unknown.slice(at, at + batch);
    const contents = contentsOf(
      root,
      some.map(({ blob }) => blob),
    );
    for (const { blob, file } of some) {
      const content = contents.get(blob);
      if (content === undefined) {
        throw new CannotRun(
          `git cannot read ${file} (${blob}), so the history is not looked through: "git fetch --refetch" brings what is missing.`,
        );
      }
      await blobs.secrets(blob, file, () => content);
    }
  }
  const looked = await Promise.all(
    all.map(async (one) => ({ ...one, secrets: await blobs.secrets(one.blob, one.file, () => Buffer.of()) })),
  );
  return looked.filter(({ secrets }) => secrets.length > 0).reverse();
}

function contentsOf(root: string, blobs: string[]): Map<string, Buffer> {
  const input = blobs.map((blob) => `${blob}\n`).join('');
  const options = { input, maxBuffer: blobs.length * (largest + 100) };
  const { stdout } = spawnSync('git', ['-C', root, 'cat-file', '--batch'], options);
  const contents = new Map<string, Buffer>();
  // Each is a line "NAME blob SIZE", the content and a line's end.
  for (let at = 0; at < stdout.length; ) {
    const begin = stdout.indexOf('\n', at) + 1;
    const [blob = '', , size] = stdout.toString('latin1', at, begin - 1).split(' ');
    if (size === undefined) {
      // "NAME missing": a partial clone, or a broken one.
      at = begin;
      continue;
    }
    const end = begin + Number(size);
    contents.set(blob, stdout.subarray(begin, end));
    at = end + 1;
  }
  return contents;
}

async function firstWith(root: string, range: string[], blob: string): Promise<string> {
  const commits = await gitOutput(
    root,
    ...['log', '--reverse', '--format=%H', '--no-renames', '-m', `--find-object=${blob}`],
    ...range,
  );
  return commits?.split('\n')[0] ?? '';
}
