import type { AlterTableCmd, AlterTableStmt, ColumnDef, Constraint, Node } from 'libpg-query';
import { type History, relationName } from './history.ts';
import { nodesIn } from './sql.ts';

/** What the commands of an ALTER TABLE do to a table in use, one after the other; the history has them afterwards. */
export function alterTableHazards(
  { relation, cmds = [] }: AlterTableStmt,
  history: History,
  app: string,
): string[] {
  const table = relationName(relation);
  const found = cmds.flatMap((command) =>
    'AlterTableCmd' in command ? hazardsOf(table, command.AlterTableCmd, history, app) : [],
  );
  return history.isInUse(table) ? found : [];
}

const byHand =
  'CREATE UNIQUE INDEX CONCURRENTLY by hand before the deployment, here only ADD CONSTRAINT … USING INDEX';

function hazardsOf(table: string, command: AlterTableCmd, history: History, app: string): string[] {
  const { subtype, name = '', def } = command;
  const column = `${table}.${name}`;
  switch (subtype) {
    case 'AT_DropColumn':
      return [
        `drops ${column}, which ${app}'s previous version still reads: deploy a version that does without it first, and drop it in a later deployment`,
      ];
    case 'AT_AlterColumnType':
      return [
        `writes every row of ${table} anew while nothing can read it, and ${app}'s previous version goes on with the old type of ${name}: add a column, write both, copy in batches, and drop the old one in a later deployment`,
      ];
    case 'AT_SetNotNull':
      return history.isNeverNull(table, name)
        ? []
        : [
            `reads every row of ${table} while nothing can read or write it: ADD CHECK (${name} IS NOT NULL) NOT VALID, in a later deployment VALIDATE it, and SET NOT NULL then`,
          ];
    case 'AT_AddColumn':
      return def !== undefined && 'ColumnDef' in def ? addedColumn(table, def.ColumnDef, app) : [];
    case 'AT_AddConstraint':
      return def !== undefined && 'Constraint' in def ? added(table, def.Constraint, history) : [];
    case 'AT_ValidateConstraint':
      return history.validate(table, name)
        ? [
            `reads every row of ${table} while its ADD CONSTRAINT, in the same transaction, lets nothing write it: validate ${name} in a later deployment`,
          ]
        : [];
    case 'AT_SetLogged':
    case 'AT_SetUnLogged':
    case 'AT_SetTableSpace':
    case 'AT_SetAccessMethod':
    case 'AT_SetExpression':
    case 'AT_AddIdentity':
      return [
        `writes or reads every row of ${table} while nothing can read or write it: make a new table or column, copy in batches, and switch`,
      ];
    case 'AT_DetachPartition':
      return [
        `takes the partition's rows out of ${table}, where ${app}'s previous version still reads them: stop reading them first`,
      ];
    default:
      return [];
  }
}

function added(table: string, constraint: Constraint, history: History): string[] {
  const { contype, conname = '', raw_expr, skip_validation = false, indexname, keys = [] } = constraint;
  const [key] = keys;
  const notNull =
    contype === 'CONSTR_NOTNULL' && key !== undefined && 'String' in key
      ? key.String.sval
      : notNullIn(raw_expr);
  history.constrain(table, conname, notNull, !skip_validation);
  switch (contype) {
    case 'CONSTR_CHECK':
    case 'CONSTR_FOREIGN':
    case 'CONSTR_NOTNULL':
      return skip_validation
        ? []
        : [
            `reads every row of ${table} while nothing can write it: add it NOT VALID, and VALIDATE it in a later deployment`,
          ];
    case 'CONSTR_PRIMARY':
    case 'CONSTR_UNIQUE':
    case 'CONSTR_EXCLUSION':
      return indexname === undefined
        ? [`builds an index while nothing can read or write ${table}: ${byHand}`]
        : [];
    default:
      return [];
  }
}

/** The column that a CHECK says is NOT NULL, if that is all it says: Postgres looks for no other. */
function notNullIn(expression: Node | undefined): string | undefined {
  if (expression === undefined || !('NullTest' in expression)) {
    return undefined;
  }
  const { arg, nulltesttype } = expression.NullTest;
  const field = arg !== undefined && 'ColumnRef' in arg ? arg.ColumnRef.fields?.at(-1) : undefined;
  return nulltesttype === 'IS_NOT_NULL' && field !== undefined && 'String' in field
    ? field.String.sval
    : undefined;
}

function addedColumn(
  table: string,
  { colname = '', typeName, constraints = [] }: ColumnDef,
  app: string,
): string[] {
  const own = constraints.flatMap((found) => ('Constraint' in found ? [found.Constraint] : []));
  const of = (...kinds: Constraint['contype'][]) => own.find(({ contype }) => kinds.includes(contype));
  const column = `${table}.${colname}`;
  const type = typeName?.names?.at(-1);
  const isSerial =
    type !== undefined && 'String' in type && /^(small|big)?serial\d?$/.test(type.String.sval ?? '');
  const given = of('CONSTR_DEFAULT');
  const computed = of('CONSTR_GENERATED');
  const rewrites =
    isSerial ||
    of('CONSTR_IDENTITY') !== undefined ||
    computed?.generated_kind === 's' ||
    (given !== undefined && isVolatile(given.raw_expr));
  const found: string[] = [];
  if (rewrites) {
    found.push(
      `adds ${column}, computed for each row, while nothing can read or write ${table}: add it without, SET DEFAULT, and fill it in batches`,
    );
  }
  if (of('CONSTR_NOTNULL') && !rewrites && given === undefined && computed === undefined) {
    found.push(
      `adds ${column} as NOT NULL without a default, which fails where there are rows, and so does each INSERT of ${app}'s previous version: give it a constant default`,
    );
  }
  if (of('CONSTR_PRIMARY', 'CONSTR_UNIQUE')) {
    found.push(`builds an index while nothing can read or write ${table}: ${byHand}`);
  }
  // A foreign key of a column that is NULL everywhere is not looked up.
  if (of('CONSTR_CHECK') || (of('CONSTR_FOREIGN') && (rewrites || given !== undefined))) {
    found.push(
      `reads every row of ${table} while nothing can write it: add ${column} without, then its constraint NOT VALID, and VALIDATE it in a later deployment`,
    );
  }
  return found;
}

/** The functions whose result is one for the whole statement, of those that a default is likely to call. */
const stable = ['now', 'transaction_timestamp', 'statement_timestamp', 'current_setting', 'current_database'];

/** Whether a default may differ from row to row, so that each row is written: any function may that is not known. */
function isVolatile(expression: Node | undefined): boolean {
  return [...nodesIn(expression)].some((node) => {
    const name = 'FuncCall' in node ? node.FuncCall.funcname?.at(-1) : undefined;
    return name !== undefined && 'String' in name && !stable.includes(name.String.sval ?? '');
  });
}
