import { type Dirent, lstatSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { isMap, text } from '../model.ts';
import { gitOutput, type Origin } from '../origin.ts';

/** A folder of node-pg-migrate's migrations; `app` is the package that runs them. A link is not followed. */
export type MigrationFolder = { dir: string; app: string; files: string[]; links: string[] };

/**
 * The folders called `migrations` beside a package.json that depends on node-pg-migrate, at the root or up to two
 * folders below it. Only what is SQL in them, in the order in which it is run.
 */
export function migrationFolders(root: string): MigrationFolder[] {
  const below = (dir: string) =>
    readdirSync(dir, { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && !/^(\.|node_modules$)/.test(entry.name))
      .map(({ name }) => path.join(dir, name));
  const first = below(root);
  return [root, ...first, ...first.flatMap(below)].flatMap((folder) => {
    const dir = path.join(folder, 'migrations');
    const there = lstatSync(dir, { throwIfNoEntry: false });
    const app = there && migratingPackage(path.join(folder, 'package.json'));
    if (app === undefined) {
      return [];
    }
    const entries = there?.isDirectory() ? readdirSync(dir, { withFileTypes: true }) : [];
    const names = (ofKind: (entry: Dirent) => boolean) => entries.filter(ofKind).map(({ name }) => name);
    return [
      {
        dir,
        app,
        files: inOrder(names((entry) => entry.isFile())),
        links: there?.isSymbolicLink() ? [''] : names((entry) => entry.isSymbolicLink()),
      },
    ];
  });
}

/** The name of a package that depends on node-pg-migrate; undefined for any other, or none. */
function migratingPackage(file: string): string | undefined {
  try {
    const value: unknown = JSON.parse(readFileSync(file, 'utf8'));
    const { name, dependencies, devDependencies } = isMap(value) ? value : {};
    const migrates = [dependencies, devDependencies].some(
      (named) => isMap(named) && 'node-pg-migrate' in named,
    );
    return migrates ? text(name) || 'the service' : undefined;
  } catch {
    return undefined;
  }
}

/** As node-pg-migrate sorts them: by the number that they begin with, then by name. What goes down is not run here. */
function inOrder(names: string[]): string[] {
  return names
    .filter((name) => name.endsWith('.sql') && !name.endsWith('.down.sql'))
    .sort(
      (one, other) =>
        numberOf(one) - numberOf(other) || one.localeCompare(other, undefined, { numeric: true }),
    );
}

/** What a migration's name begins with; NaN without a number. */
export function numberOf(name: string): number {
  return Number.parseInt(name, 10);
}

/** What has landed of a folder: the names, and of those the ones that are changed or taken away since. */
export type Landed = { names: Set<string>; changed: string[]; removed: string[] };

/** Asks git what the folder had at the origin; nothing has landed where that is not known. */
export async function landedIn(dir: string, origin: Origin | undefined): Promise<Landed> {
  const inFolder = async (...args: string[]) => {
    const output = origin && (await gitOutput(dir, ...args));
    return (output ?? '').split('\0').filter((name) => name.endsWith('.sql') && !name.includes('/'));
  };
  const commit = origin?.commit ?? '';
  const diff = ['diff', '--no-ext-diff', '--no-renames', '--name-only', '--relative', '-z'];
  const [names, changed, removed] = await Promise.all([
    inFolder('ls-tree', '--name-only', '-z', commit),
    inFolder(...diff, '--diff-filter=MT', commit, '--', '.'),
    inFolder(...diff, '--diff-filter=D', commit, '--', '.'),
  ]);
  return { names: new Set(names), changed, removed };
}
