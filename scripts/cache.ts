import { mkdir, rename } from 'node:fs/promises';
import { CannotRun } from './cli.ts';

/**
 * Makes a folder in the cache.
 * @throws {CannotRun} where it cannot be made: a home that is read-only, or no folder
 */
export async function makeCacheFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true }).catch((error: NodeJS.ErrnoException) => {
    throw new CannotRun(
      `${folder} cannot be written (${error.code}): set XDG_CACHE_HOME to a folder that can, then run this again.`,
    );
  });
}

/** Moves what was made into its place in the cache, unless another process has put the same there meanwhile. */
export async function moveIntoCache(draft: string, folder: string): Promise<void> {
  await rename(draft, folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') {
      throw error;
    }
  });
}
