import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { acknowledgement, upPart } from '../check/migrations/findings.ts';
import { type MigrationFolder, migrationFolders } from '../check/migrations/folders.ts';
import { hazards } from '../check/migrations/hazards.ts';
import { History } from '../check/migrations/history.ts';
import { parseSql, type Statement } from '../check/migrations/sql.ts';
import { gitOutput, withTreeAt } from '../check/origin.ts';
import { CannotRun } from '../cli.ts';

/**
 * A statement after which an older version cannot work, or has lost data. `file` is relative to the root. What it says
 * right above it to have it accepted is in `acknowledged`; nobody accepted it where that is not there.
 */
export type IncompatibleStatement = {
  file: string;
  line: number;
  statement: string;
  why: string;
  acknowledged?: string;
};

/**
 * What stands between the version that runs and an older one to go back to: of the migrations that the commit `from`
 * has and `to` has not, the statements that are not backward compatible. Going back runs none of them back. What only
 * locks is not among them, as it is over.
 * @throws {CannotRun} when git knows one of the commits not
 */
export async function migrationsBetween(
  root: string,
  from: string,
  to: string,
): Promise<IncompatibleStatement[]> {
  const [now, then] = await Promise.all([from, to].map((name) => commitNamed(root, name)));
  if (now === undefined || then === undefined || now === then) {
    return [];
  }
  const before = await withTreeAt(root, then, async (tree) => namesIn(tree));
  return withTreeAt(root, now, async (tree) => {
    const found = migrationFolders(tree).map((folder) => {
      const dir = path.relative(tree, folder.dir);
      return incompatibleIn({ ...folder, dir }, tree, before.get(dir) ?? new Set());
    });
    return (await Promise.all(found)).flat();
  });
}

async function commitNamed(root: string, name: string): Promise<string> {
  const commit = await gitOutput(
    root,
    'rev-parse',
    '--verify',
    '--quiet',
    '--end-of-options',
    `${name}^{commit}`,
  );
  if (commit === undefined) {
    throw new CannotRun(`git in ${root} knows no commit ${name}: fetch it (git fetch), or give another.`);
  }
  return commit;
}

/** The migrations of each folder, by its path. */
function namesIn(tree: string): Map<string, Set<string>> {
  return new Map(migrationFolders(tree).map(({ dir, files }) => [path.relative(tree, dir), new Set(files)]));
}

async function incompatibleIn(
  { dir, app, files }: MigrationFolder,
  tree: string,
  before: Set<string>,
): Promise<IncompatibleStatement[]> {
  const added = files.filter((file) => !before.has(file));
  if (added.length === 0) {
    return [];
  }
  const read = async (file: string) => parseSql(upPart(await readFile(path.join(tree, dir, file), 'utf8')));
  const history = new History();
  for (const file of files.filter((name) => before.has(name))) {
    history.beginFile(true);
    const sql = await read(file);
    for (const { node } of sql.problem === undefined ? sql.statements : []) {
      hazards(node, history, app);
    }
  }
  // One deployment to the older version: it knows nothing of what any of them made.
  history.beginFile(true);
  const found: IncompatibleStatement[] = [];
  for (const name of added) {
    const file = path.join(dir, name);
    const sql = await read(name);
    if (sql.problem !== undefined) {
      const { line, message } = sql.problem;
      found.push({
        file,
        line,
        statement: '',
        why: `Postgres does not parse this, so nobody knows: ${message}`,
      });
      continue;
    }
    for (const statement of sql.statements) {
      const why = hazards(statement.node, history, app).flatMap(({ breaks }) => breaks ?? []);
      found.push(...why.map((why) => ({ file, why, ...asWritten(statement) })));
    }
  }
  return found;
}

function asWritten({ line, text, above }: Statement): Omit<IncompatibleStatement, 'file' | 'why'> {
  const said = above.flatMap((comment) => acknowledgement.exec(comment.text) ?? []);
  const [, reason] = said;
  return {
    line,
    statement: text.replace(/\s+/g, ' '),
    ...(said.length > 0 && { acknowledged: reason?.replace(/\s*\*\/$/, '').trim() ?? '' }),
  };
}
