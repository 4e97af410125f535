import type { AlterTableCmd, AlterTableStmt, ColumnDef, Constraint, Node } from 'libpg-query';
import { breaking, type Hazard } from './hazard.ts';
import { type History, relationName } from './history.ts';
import { nodesIn } from './sql.ts';

/** What the commands of an ALTER TABLE do to a table in use, one after the other; the history has them afterwards. */
export function alterTableHazards(
  { relation, cmds = [] }: AlterTableStmt,
  history: History,
  app: string,
): Hazard[] {
  const table = relationName(relation);
  const found = cmds.flatMap((command) =>
    'AlterTableCmd' in command ? hazardsOf(table, command.AlterTableCmd, history, app) : [],
  );
  return history.isInUse(table) ? found : [];
}

const byHand =
  'CREATE UNIQUE INDEX CONCURRENTLY by hand before the deployment, here only ADD CONSTRAINT … USING INDEX';

function hazardsOf(table: string, command: AlterTableCmd, history: History, app: string): Hazard[] {
  const { subtype, name = '', def } = command;
  const column = `${table}.${name}`;
  // What that version never knew it does without.
  const breaks = (what: string) => (history.isColumnInUse(table, name) ? { breaks: what } : {});
  switch (subtype) {
    case 'AT_DropColumn':
      return [
        {
          message: `drops ${column}, which ${app}'s previous version still reads: deploy a version that does without it first, and drop it in a later deployment`,
          ...breaks(`drops ${column}, which ${app}'s previous version still reads`),
        },
      ];
    case 'AT_AlterColumnType':
      return [
        {
          message: `writes every row of ${table} anew while nothing can read it, and ${app}'s previous version goes on with the old type of ${name}: add a column, write both, copy in batches, and drop the old one in a later deployment`,
          ...breaks(`changes the type of ${column}, and ${app}'s previous version goes on with the old one`),
        },
      ];
    case 'AT_SetNotNull':
      history.requireColumn(table, name);
      return notNullHazards(table, name, history, app);
    case 'AT_ColumnDefault':
      if (def !== undefined) {
        history.fillColumn(table, name);
        return [];
      }
      history.emptyColumn(table, name);
      return history.isColumnInUse(table, name) || history.isRequired(table, name)
        ? [
            breaking(
              `takes the default of ${column} away, which the rows have that ${app}'s previous version writes without it`,
              'drop it in a later deployment',
            ),
          ]
        : [];
    case 'AT_AddColumn':
      if (def === undefined || !('ColumnDef' in def)) {
        return [];
      }
      if (constraintsOf(def.ColumnDef).some(({ contype }) => contype === 'CONSTR_NOTNULL')) {
        history.requireColumn(table, def.ColumnDef.colname ?? '');
      }
      if (command.missing_ok !== true) {
        history.makeColumn(table, def.ColumnDef.colname ?? '', isFilled(def.ColumnDef));
      }
      return addedColumn(table, def.ColumnDef, app);
    case 'AT_AddConstraint':
      return def !== undefined && 'Constraint' in def ? added(table, def.Constraint, history, app) : [];
    case 'AT_ValidateConstraint':
      return history.validate(table, name)
        ? [
            {
              message: `reads every row of ${table} while its ADD CONSTRAINT, in the same transaction, lets nothing write it: validate ${name} in a later deployment`,
            },
          ]
        : [];
    case 'AT_SetLogged':
    case 'AT_SetUnLogged':
    case 'AT_SetTableSpace':
    case 'AT_SetAccessMethod':
    case 'AT_SetExpression':
    case 'AT_AddIdentity':
      return [
        {
          message: `writes or reads every row of ${table} while nothing can read or write it: make a new table or column, copy in batches, and switch`,
        },
      ];
    case 'AT_DetachPartition':
      return [
        breaking(
          `takes the partition's rows out of ${table}, where ${app}'s previous version still reads them`,
          'stop reading them first',
        ),
      ];
    default:
      return [];
  }
}

function notNullHazards(table: string, name: string, history: History, app: string): Hazard[] {
  const isProven = history.isNeverNull(table, name);
  const refuses = history.isColumnInUse(table, name) ? !isProven : history.isLeftEmpty(table, name);
  const hazard: Hazard = {
    ...(!isProven && {
      message: `reads every row of ${table} while nothing can read or write it: ADD CHECK (${name} IS NOT NULL) NOT VALID, in a later deployment VALIDATE it, and SET NOT NULL then`,
    }),
    ...(refuses && { breaks: refusal(table, name, app) }),
  };
  return isProven && !refuses ? [] : [hazard];
}

function refusal(table: string, column: string, app: string): string {
  return `makes ${table}.${column} NOT NULL, which refuses the rows that ${app}'s previous version writes without it`;
}

function added(table: string, constraint: Constraint, history: History, app: string): Hazard[] {
  const found = addedConstraint(table, constraint, history);
  const notNull = notNullOf(constraint);
  return notNull !== undefined && history.isLeftEmpty(table, notNull)
    ? [...found, { breaks: refusal(table, notNull, app) }]
    : found;
}

function notNullOf({ contype, raw_expr, keys = [] }: Constraint): string | undefined {
  const [key] = keys;
  return contype === 'CONSTR_NOTNULL' && key !== undefined && 'String' in key
    ? key.String.sval
    : notNullIn(raw_expr);
}

function addedConstraint(table: string, constraint: Constraint, history: History): Hazard[] {
  const { contype, conname = '', skip_validation = false, indexname } = constraint;
  history.constrain(table, conname, notNullOf(constraint), !skip_validation);
  switch (contype) {
    case 'CONSTR_CHECK':
    case 'CONSTR_FOREIGN':
    case 'CONSTR_NOTNULL':
      return skip_validation
        ? []
        : [
            {
              message: `reads every row of ${table} while nothing can write it: add it NOT VALID, and VALIDATE it in a later deployment`,
            },
          ];
    case 'CONSTR_PRIMARY':
    case 'CONSTR_UNIQUE':
    case 'CONSTR_EXCLUSION':
      return indexname === undefined
        ? [{ message: `builds an index while nothing can read or write ${table}: ${byHand}` }]
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

const serial = /^(small|big)?serial\d?$/;

function isSerial({ typeName }: ColumnDef): boolean {
  const type = typeName?.names?.at(-1);
  return type !== undefined && 'String' in type && serial.test(type.String.sval ?? '');
}

function constraintsOf({ constraints = [] }: ColumnDef): Constraint[] {
  return constraints.flatMap((found) => ('Constraint' in found ? [found.Constraint] : []));
}

/** Whether a row that says nothing of the column has a value there. */
function isFilled(column: ColumnDef): boolean {
  const fill: Constraint['contype'][] = ['CONSTR_DEFAULT', 'CONSTR_GENERATED', 'CONSTR_IDENTITY'];
  return isSerial(column) || constraintsOf(column).some(({ contype }) => fill.includes(contype));
}

function addedColumn(table: string, definition: ColumnDef, app: string): Hazard[] {
  const { colname = '' } = definition;
  const own = constraintsOf(definition);
  const of = (...kinds: Constraint['contype'][]) => own.find(({ contype }) => kinds.includes(contype));
  const column = `${table}.${colname}`;
  const given = of('CONSTR_DEFAULT');
  const computed = of('CONSTR_GENERATED');
  const rewrites =
    isSerial(definition) ||
    of('CONSTR_IDENTITY') !== undefined ||
    computed?.generated_kind === 's' ||
    (given !== undefined && isVolatile(given.raw_expr));
  const found: Hazard[] = [];
  if (rewrites) {
    found.push({
      message: `adds ${column}, computed for each row, while nothing can read or write ${table}: add it without, SET DEFAULT, and fill it in batches`,
    });
  }
  if (of('CONSTR_NOTNULL') && !rewrites && given === undefined && computed === undefined) {
    found.push(
      breaking(
        `adds ${column} as NOT NULL without a default, which fails where there are rows, and so does each INSERT of ${app}'s previous version`,
        'give it a constant default',
      ),
    );
  }
  if (of('CONSTR_PRIMARY', 'CONSTR_UNIQUE')) {
    found.push({ message: `builds an index while nothing can read or write ${table}: ${byHand}` });
  }
  // A foreign key of a column that is NULL everywhere is not looked up.
  if (of('CONSTR_CHECK') || (of('CONSTR_FOREIGN') && (rewrites || given !== undefined))) {
    found.push({
      message: `reads every row of ${table} while nothing can write it: add ${column} without, then its constraint NOT VALID, and VALIDATE it in a later deployment`,
    });
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
