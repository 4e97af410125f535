import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Origin } from '../origin.ts';
import type { SourceFinding } from '../sources.ts';
import { landedIn, type MigrationFolder, migrationFolders, numberOf } from './folders.ts';
import { hazards } from './hazards.ts';
import { History } from './history.ts';
import { type Comment, parseSql, type Sql, type Statement } from './sql.ts';

/**
 * What is wrong with the migrations that have not run yet: those that the origin does not have, or all where none is
 * known. What has run is only held to be as it was.
 */
export async function migrationFindings(root: string, origin: Origin | undefined): Promise<SourceFinding[]> {
  const found = migrationFolders(root).map((folder) => folderFindings(folder, origin));
  return (await Promise.all(found)).flat().map((finding): SourceFinding => {
    return { rule: 'migration-safety', ...finding };
  });
}

type Found = Omit<SourceFinding, 'rule'>;

async function folderFindings(
  { dir, app, files, links }: MigrationFolder,
  origin: Origin | undefined,
): Promise<Found[]> {
  const landed = await landedIn(dir, origin);
  const at = (name: string, message: string): Found => ({ file: path.join(dir, name), line: 1, message });
  const findings = [
    ...landed.changed.map((name) =>
      at(name, 'this has run already and does not run again: put it back, and write a new migration'),
    ),
    ...landed.removed.map((name) => ({
      file: path.join(dir, name),
      message:
        'this has run already, and no migration runs where one that has is missing or renamed: put it back',
    })),
    ...links.map((name) => at(name, 'what a link leads to is not read: write the migration here')),
    ...orderFindings(files, landed.names).map(({ name, message }) => at(name, message)),
  ];
  if (files.every((name) => landed.names.has(name))) {
    return findings;
  }
  const history = new History();
  for (const [index, name] of files.entries()) {
    const text = await readFile(path.join(dir, name), 'utf8');
    // All that have not run yet run in one transaction.
    history.beginFile(origin === undefined || landed.names.has(files[index - 1] ?? ''));
    const own = sqlFindings(await parseSql(upPart(text)), history, app);
    if (!landed.names.has(name)) {
      findings.push(...upFindings(text).map((message) => at(name, message)));
      findings.push(...own.map((finding) => ({ ...finding, file: path.join(dir, name) })));
    }
  }
  return findings;
}

/** What node-pg-migrate would refuse, or run in an order that nobody chose. */
function orderFindings(files: string[], landed: Set<string>): { name: string; message: string }[] {
  const last = files.findLastIndex((name) => landed.has(name));
  return files.flatMap((name, index) => {
    const number = numberOf(name);
    const before = files[index - 1];
    const found = (message: string) => [{ name, message }];
    if (landed.has(name)) {
      return [];
    }
    if (Number.isNaN(number)) {
      return found('a migration begins with its number: no other runs as long as this is there');
    }
    if (index < last) {
      return found(
        `this comes before ${files[last]}, which has run, so that none runs: give it the next number`,
      );
    }
    if (before === undefined) {
      return [];
    }
    if (number === numberOf(before)) {
      return found(`${before} has the number ${/^\d+/.exec(name)?.[0]} too: give this the next one`);
    }
    // A number of more than eight digits is a time.
    return number < 1e8 && number !== numberOf(before) + 1
      ? found(`no migration has the number ${numberOf(before) + 1}: one that comes later with it stops all`)
      : [];
  });
}

/** Where node-pg-migrate's parts begin, by its own expressions. */
const upMarker = /^\s*--[\s-]*up\s+migration/im;
const downMarker = /^\s*--[\s-]*down\s+migration/im;

/** A migration with all but its Up part blanked, so that lines stay where they are. */
export function upPart(text: string): string {
  const up = text.search(upMarker);
  const down = text.search(downMarker);
  if (up < 0) {
    return text;
  }
  return text.slice(0, up).replace(/[^\n]/g, ' ') + text.slice(up, down < up ? undefined : down);
}

function upFindings(text: string): string[] {
  return upMarker.test(text) || !downMarker.test(text)
    ? []
    : ['without a line "-- Up Migration" the Down part is run as well: write one at the top'];
}

/** What is written above a statement whose author knows what it does. */
export const acknowledgement = /^(?:--+|\/\*+)\s*acknowledged\b(?::\s*([^\s*].*))?/i;

function sqlFindings(sql: Sql, history: History, app: string): Omit<Found, 'file'>[] {
  if (sql.problem !== undefined) {
    const { message, ...position } = sql.problem;
    return [{ ...position, message: `Postgres does not parse this: ${message}` }];
  }
  const spent = new Set<Comment>();
  const dangers = sql.statements.flatMap(({ line, column, node, above }: Statement) => {
    const found = hazards(node, history, app).flatMap(({ message }) => message ?? []);
    const said = above.filter(({ text }) => acknowledgement.test(text));
    for (const comment of found.length > 0 ? said : []) {
      spent.add(comment);
    }
    return said.length > 0 ? [] : found.map((message) => ({ line, column, message }));
  });
  const acknowledgements = sql.comments.flatMap((comment) => {
    const { line, column, text } = comment;
    const [written, reason] = acknowledgement.exec(text) ?? [];
    const message =
      written === undefined
        ? undefined
        : reason === undefined
          ? 'this says no reason: write "-- acknowledged: " and what makes it safe'
          : spent.has(comment)
            ? undefined
            : 'this is right above no statement that needs it: move it there, or delete it';
    return message === undefined ? [] : [{ line, column, message }];
  });
  return [...dangers, ...acknowledgements];
}
