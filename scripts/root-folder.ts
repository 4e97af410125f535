import { statSync } from 'node:fs';
import path from 'node:path';
import { CannotRun } from './cli.ts';
import { repoRoot } from './paths.ts';

/** The checkout that `--root` names, by default this one. @throws {CannotRun} when there is no such folder */
export function rootFolder(given: string | undefined): string {
  const root = given === undefined ? repoRoot : path.resolve(given);
  if (statSync(root, { throwIfNoEntry: false })?.isDirectory() !== true) {
    throw new CannotRun(`--root ${given}: there is no folder ${root}. Give a checkout of the repository.`);
  }
  return root;
}
