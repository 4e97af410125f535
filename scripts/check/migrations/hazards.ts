import type { Node, ObjectType } from 'libpg-query';
import { alterTableHazards } from './alter-table.ts';
import { droppedName, type History, qualifiedName, relationName } from './history.ts';
import { nodesIn } from './sql.ts';

/**
 * What a statement does to the version that runs while it is migrated, and what to do instead; none where it does no
 * harm. It is in the history afterwards.
 * @param app what the database is of, for the messages
 */
export function hazards(statement: Node, history: History, app: string): string[] {
  // What a function or a rule holds is not run here.
  const isStored = 'CreateFunctionStmt' in statement || 'RuleStmt' in statement;
  const found = isStored ? [] : [...nodesIn(statement)].flatMap((node) => hazardsOf(node, history, app));
  for (const name of madeBy(statement)) {
    history.make(name);
  }
  return found;
}

const byHand = 'run it by hand before the deployment';
const contract = 'deploy a version that does without it first, and do this in a later deployment';

function hazardsOf(node: Node, history: History, app: string): string[] {
  const used = (name: string, message: string) => (history.isInUse(name) ? [message] : []);
  if ('AlterTableStmt' in node) {
    return alterTableHazards(node.AlterTableStmt, history, app);
  }
  if ('DropStmt' in node) {
    const { objects = [], removeType, concurrent } = node.DropStmt;
    const kind = kindInWords(removeType);
    return objects.flatMap((object) => {
      const name = droppedName(object);
      return concurrent === true
        ? [cannotBeIn(`DROP ${kind.toUpperCase()} CONCURRENTLY`)]
        : used(name, `drops ${kind} ${name}, which ${app}'s previous version still uses: ${contract}`);
    });
  }
  if ('DropOwnedStmt' in node || 'DropdbStmt' in node) {
    return [`drops what ${app}'s previous version still uses: ${contract}`];
  }
  if ('RenameStmt' in node) {
    return renamed(node, history, app);
  }
  if ('AlterObjectSchemaStmt' in node) {
    const { relation, object, newschema } = node.AlterObjectSchemaStmt;
    const name =
      relation === undefined && object !== undefined ? droppedName(object) : relationName(relation);
    return used(
      name,
      `moves ${name} to ${newschema}, where ${app}'s previous version does not look: ${contract}`,
    );
  }
  if ('AlterEnumStmt' in node && node.AlterEnumStmt.oldVal !== undefined) {
    const { typeName = [], oldVal } = node.AlterEnumStmt;
    const name = qualifiedName(typeName.map((part) => ('String' in part ? part.String.sval : undefined)));
    return used(
      name,
      `renames '${oldVal}' of ${name}, which ${app}'s previous version still writes: ${contract}`,
    );
  }
  if ('IndexStmt' in node) {
    const { relation, concurrent, idxname = 'the index' } = node.IndexStmt;
    const table = relationName(relation);
    return concurrent === true
      ? [`${cannotBeIn('CREATE INDEX CONCURRENTLY')}; here CREATE INDEX IF NOT EXISTS, acknowledged`]
      : used(
          table,
          `builds ${idxname} while nothing can write ${table}: CREATE INDEX CONCURRENTLY ${byHand}; here IF NOT EXISTS, acknowledged`,
        );
  }
  if ('UpdateStmt' in node && isOfEveryRow(node.UpdateStmt.whereClause)) {
    const table = relationName(node.UpdateStmt.relation);
    return used(
      table,
      `changes every row of ${table}, and keeps each locked until the last migration ends: do it in batches, each with a WHERE, outside the migrations`,
    );
  }
  if ('DeleteStmt' in node && isOfEveryRow(node.DeleteStmt.whereClause)) {
    const table = relationName(node.DeleteStmt.relation);
    return used(
      table,
      `deletes every row of ${table}, which ${app}'s previous version still reads: ${contract}`,
    );
  }
  return [...lockHazards(node, history, app), ...opaqueHazards(node)];
}

/** Statements that are there to hold a lock, or hold one while they read or write a whole table. */
function lockHazards(node: Node, history: History, app: string): string[] {
  if ('TruncateStmt' in node || 'LockStmt' in node) {
    const truncates = 'TruncateStmt' in node;
    const { relations = [] } = truncates ? node.TruncateStmt : node.LockStmt;
    const tables = relations.flatMap((relation) =>
      'RangeVar' in relation ? [relationName(relation.RangeVar)] : [],
    );
    const weak = 'LockStmt' in node && (node.LockStmt.mode ?? 0) < shareLock;
    return tables
      .filter((table) => history.isInUse(table) && !weak)
      .map((table) =>
        truncates
          ? `deletes every row of ${table}, which ${app}'s previous version still reads: ${contract}`
          : `locks ${table} against ${app}'s previous version until the last migration ends: do without it`,
      );
  }
  if ('ClusterStmt' in node || ('VacuumStmt' in node && node.VacuumStmt.is_vacuumcmd === true)) {
    return [cannotBeIn('ClusterStmt' in node ? 'CLUSTER' : 'VACUUM')];
  }
  if ('ReindexStmt' in node) {
    return [`nothing can write the table meanwhile: REINDEX CONCURRENTLY, which ${inTransaction}: ${byHand}`];
  }
  if ('RefreshMatViewStmt' in node && node.RefreshMatViewStmt.concurrent !== true) {
    const view = relationName(node.RefreshMatViewStmt.relation);
    return history.isInUse(view)
      ? [`nothing can read ${view} until it is made anew: REFRESH MATERIALIZED VIEW CONCURRENTLY`]
      : [];
  }
  return [];
}

/** ShareLock, the first that a write waits for: storage/lockdefs.h. */
const shareLock = 5;

const inTransaction = "cannot be in the migrator's one transaction";

function cannotBeIn(what: string): string {
  return `${what} ${inTransaction}, so no migration would ever end: ${byHand}`;
}

/** What ends the transaction, or what it does cannot be read. */
function opaqueHazards(node: Node): string[] {
  if ('TransactionStmt' in node) {
    const message = "the migrator's one transaction is what leaves nothing half done: take this away";
    return /SAVEPOINT|RELEASE|ROLLBACK_TO/.test(node.TransactionStmt.kind ?? '') ? [] : [message];
  }
  return 'DoStmt' in node || 'CallStmt' in node
    ? ['what this does is known only when it runs: write the statements themselves']
    : [];
}

/** What other sessions never name: Postgres itself looks for it by its number. */
const nameless = ['OBJECT_TABCONSTRAINT', 'OBJECT_INDEX', 'OBJECT_TRIGGER', 'OBJECT_POLICY', 'OBJECT_RULE'];

function renamed(node: Extract<Node, { RenameStmt: unknown }>, history: History, app: string): string[] {
  const { renameType = '', relation, object, subname, newname = '' } = node.RenameStmt;
  const owner = object === undefined ? relationName(relation) : droppedName(object);
  const inUse = history.isInUse(owner || (subname ?? ''));
  if (renameType === 'OBJECT_TABLE' && !inUse) {
    history.make(newname);
  }
  const name = [owner, subname].filter(Boolean).join('.');
  return inUse && !nameless.includes(renameType)
    ? [
        `renames ${name}, which ${app}'s previous version still calls so: add ${newname} beside it, write both, and drop the old one in a later deployment`,
      ]
    : [];
}

/** What is there only from this statement on. With IF NOT EXISTS it may have been there before. */
function madeBy(statement: Node): string[] {
  return [...nodesIn(statement)].flatMap((node) => {
    if ('CreateStmt' in node && node.CreateStmt.if_not_exists !== true) {
      return [relationName(node.CreateStmt.relation)];
    }
    if ('CreateTableAsStmt' in node && node.CreateTableAsStmt.if_not_exists !== true) {
      return [relationName(node.CreateTableAsStmt.into?.rel)];
    }
    if ('SelectStmt' in node && node.SelectStmt.intoClause !== undefined) {
      return [relationName(node.SelectStmt.intoClause.rel)];
    }
    if ('IndexStmt' in node && node.IndexStmt.if_not_exists !== true) {
      return [node.IndexStmt.idxname ?? ''];
    }
    if ('ViewStmt' in node && node.ViewStmt.replace !== true) {
      return [relationName(node.ViewStmt.view)];
    }
    if ('CreateEnumStmt' in node) {
      return [droppedName({ List: { items: node.CreateEnumStmt.typeName ?? [] } })];
    }
    return 'CreateSchemaStmt' in node && node.CreateSchemaStmt.if_not_exists !== true
      ? [node.CreateSchemaStmt.schemaname ?? '']
      : [];
  });
}

function isOfEveryRow(where: Node | undefined): boolean {
  return where === undefined || 'A_Const' in where;
}

function kindInWords(kind: ObjectType | undefined): string {
  const word = (kind ?? '').replace('OBJECT_', '').replaceAll('_', ' ').toLowerCase();
  return word === 'matview' ? 'materialized view' : word;
}
