import type { Node, ObjectType } from 'libpg-query';
import { alterTableHazards } from './alter-table.ts';
import { breaking, type Hazard } from './hazard.ts';
import { droppedName, type History, qualifiedName, relationName } from './history.ts';
import { nodesIn } from './sql.ts';

/**
 * The hazards of a statement; none where it does no harm. It is in the history afterwards.
 * @param app what the database is of, for the messages
 */
export function hazards(statement: Node, history: History, app: string): Hazard[] {
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

function hazardsOf(node: Node, history: History, app: string): Hazard[] {
  const used = (name: string, hazard: Hazard) => (history.isInUse(name) ? [hazard] : []);
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
        : used(name, breaking(`drops ${kind} ${name}, which ${app}'s previous version still uses`, contract));
    });
  }
  if ('DropOwnedStmt' in node || 'DropdbStmt' in node) {
    return [breaking(`drops what ${app}'s previous version still uses`, contract)];
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
      breaking(`moves ${name} to ${newschema}, where ${app}'s previous version does not look`, contract),
    );
  }
  if ('AlterEnumStmt' in node && node.AlterEnumStmt.oldVal !== undefined) {
    const { typeName = [], oldVal } = node.AlterEnumStmt;
    const name = qualifiedName(typeName.map((part) => ('String' in part ? part.String.sval : undefined)));
    return used(
      name,
      breaking(`renames '${oldVal}' of ${name}, which ${app}'s previous version still writes`, contract),
    );
  }
  if ('IndexStmt' in node) {
    const { relation, concurrent, idxname = 'the index' } = node.IndexStmt;
    const table = relationName(relation);
    return concurrent === true
      ? [
          {
            message: `${cannotBeIn('CREATE INDEX CONCURRENTLY').message}; here CREATE INDEX IF NOT EXISTS, acknowledged`,
          },
        ]
      : used(table, {
          message: `builds ${idxname} while nothing can write ${table}: CREATE INDEX CONCURRENTLY ${byHand}; here IF NOT EXISTS, acknowledged`,
        });
  }
  if ('UpdateStmt' in node && isOfEveryRow(node.UpdateStmt.whereClause)) {
    const table = relationName(node.UpdateStmt.relation);
    return used(table, {
      message: `changes every row of ${table}, and keeps each locked until the last migration ends: do it in batches, each with a WHERE, outside the migrations`,
    });
  }
  if ('DeleteStmt' in node && isOfEveryRow(node.DeleteStmt.whereClause)) {
    const table = relationName(node.DeleteStmt.relation);
    return used(
      table,
      breaking(`deletes every row of ${table}, which ${app}'s previous version still reads`, contract),
    );
  }
  return [...lockHazards(node, history, app), ...opaqueHazards(node)];
}

/** Statements that are there to hold a lock, or hold one while they read or write a whole table. */
function lockHazards(node: Node, history: History, app: string): Hazard[] {
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
          ? breaking(`deletes every row of ${table}, which ${app}'s previous version still reads`, contract)
          : {
              message: `locks ${table} against ${app}'s previous version until the last migration ends: do without it`,
            },
      );
  }
  if ('ClusterStmt' in node || ('VacuumStmt' in node && node.VacuumStmt.is_vacuumcmd === true)) {
    return [cannotBeIn('ClusterStmt' in node ? 'CLUSTER' : 'VACUUM')];
  }
  if ('ReindexStmt' in node) {
    return [
      {
        message: `nothing can write the table meanwhile: REINDEX CONCURRENTLY, which ${inTransaction}: ${byHand}`,
      },
    ];
  }
  if ('RefreshMatViewStmt' in node && node.RefreshMatViewStmt.concurrent !== true) {
    const view = relationName(node.RefreshMatViewStmt.relation);
    return history.isInUse(view)
      ? [
          {
            message: `nothing can read ${view} until it is made anew: REFRESH MATERIALIZED VIEW CONCURRENTLY`,
          },
        ]
      : [];
  }
  return [];
}

/** ShareLock, the first that a write waits for: storage/lockdefs.h. */
const shareLock = 5;

const inTransaction = "cannot be in the migrator's one transaction";

function cannotBeIn(what: string): Hazard {
  return { message: `${what} ${inTransaction}, so no migration would ever end: ${byHand}` };
}

/** What ends the transaction, or what it does cannot be read. */
function opaqueHazards(node: Node): Hazard[] {
  if ('TransactionStmt' in node) {
    const message = "the migrator's one transaction is what leaves nothing half done: take this away";
    return /SAVEPOINT|RELEASE|ROLLBACK_TO/.test(node.TransactionStmt.kind ?? '') ? [] : [{ message }];
  }
  return 'DoStmt' in node || 'CallStmt' in node
    ? [breaking('what this does is known only when it runs', 'write the statements themselves')]
    : [];
}

/** What other sessions never name: Postgres itself looks for it by its number. */
const nameless = ['OBJECT_TABCONSTRAINT', 'OBJECT_INDEX', 'OBJECT_TRIGGER', 'OBJECT_POLICY', 'OBJECT_RULE'];

function renamed(node: Extract<Node, { RenameStmt: unknown }>, history: History, app: string): Hazard[] {
  const { renameType = '', relation, object, subname, newname = '' } = node.RenameStmt;
  const owner = object === undefined ? relationName(relation) : droppedName(object);
  const inUse = history.isInUse(owner || (subname ?? ''));
  if (renameType === 'OBJECT_TABLE' && !inUse) {
    history.make(newname);
  }
  const name = [owner, subname].filter(Boolean).join('.');
  if (!inUse || nameless.includes(renameType)) {
    return [];
  }
  const hazard = breaking(
    `renames ${name}, which ${app}'s previous version still calls so`,
    `add ${newname} beside it, write both, and drop the old one in a later deployment`,
  );
  const isOwn = renameType === 'OBJECT_COLUMN' && history.renameColumn(owner, subname ?? '', newname);
  return [isOwn && hazard.message !== undefined ? { message: hazard.message } : hazard];
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
