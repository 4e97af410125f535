import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { cacheDir } from '../paths.ts';
import type { Kustomization } from './kustomization.ts';

const folder = path.join(cacheDir, 'renders');
const most = 300;

/**
 * What a render depends on, as a key: every file that the kustomizations name, by its path relative to `dir` and its
 * content, and `salt`, which says what renders them.
 */
export async function renderKey(dir: string, kustomizations: Kustomization[], salt: string): Promise<string> {
  const named = kustomizations.flatMap(({ file, references }) => [
    file.path,
    ...references.filter(({ kind }) => kind === 'file').map(({ to }) => to),
  ]);
  const hash = createHash('sha256').update(salt);
  for (const file of [...new Set(named)].sort()) {
    const content = await readFile(file);
    hash.update(`\0${path.relative(dir, file)}\0${content.length}\0`).update(content);
  }
  return hash.digest('hex');
}

/** What was kept under a key, undefined when nothing was, or what is there is no JSON. */
export async function cachedRender(key: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path.join(folder, `${key}.json`), 'utf8'));
  } catch {
    return undefined;
  }
}

/** Keeps a render. The oldest go when there are more than 300. A cache that cannot be written is none. */
export async function keepRender(key: string, render: unknown): Promise<void> {
  const file = path.join(folder, `${key}.json`);
  const partial = `${file}.${process.pid}`;
  try {
    await mkdir(folder, { recursive: true });
    await writeFile(partial, JSON.stringify(render));
    await rename(partial, file);
    const names = await readdir(folder);
    if (names.length > most) {
      const times = await Promise.all(
        names.map(async (name) => ({ name, time: (await stat(path.join(folder, name))).mtimeMs })),
      );
      const old = times.sort((one, other) => other.time - one.time).slice(most / 2);
      await Promise.all(old.map(({ name }) => rm(path.join(folder, name), { force: true })));
    }
  } catch {
    await rm(partial, { force: true }).catch(() => {});
  }
}
