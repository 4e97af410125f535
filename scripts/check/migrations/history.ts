import type { Node, RangeVar } from 'libpg-query';

/** A table's constraint: the column that it says is NOT NULL, and whether every row was held to it. */
type Constraint = { table: string; notNull: string | undefined; valid: boolean; isSettled: boolean };

/** What the migrations did, up to the statement that is judged. */
export class History {
  readonly #made = new Set<string>();
  readonly #columns = new Map<string, boolean>();
  readonly #required = new Set<string>();
  readonly #constraints = new Map<string, Constraint>();

  /** @param deployment whether what is before the file ran in an earlier deployment, in a transaction that is over */
  beginFile(deployment: boolean): void {
    this.#made.clear();
    this.#columns.clear();
    this.#required.clear();
    for (const constraint of deployment ? this.#constraints.values() : []) {
      constraint.isSettled = true;
    }
  }

  make(name: string): void {
    this.#made.add(name);
  }

  /** Whether something was there before the file, so that the version that runs may use it. */
  isInUse(name: string): boolean {
    return !this.#made.has(name);
  }

  /** @param filled whether a row has a value there that says none */
  makeColumn(table: string, name: string, filled: boolean): void {
    this.#columns.set(`${table} ${name}`, filled);
  }

  /** Gives a column a default, where the column is not in use. */
  fillColumn(table: string, name: string): void {
    if (!this.isColumnInUse(table, name)) {
      this.makeColumn(table, name, true);
    }
  }

  /** Takes the default of a column away, where the column is not in use. */
  emptyColumn(table: string, name: string): void {
    if (!this.isColumnInUse(table, name)) {
      this.makeColumn(table, name, false);
    }
  }

  /** Has a column refuse a row that has nothing there. */
  requireColumn(table: string, name: string): void {
    this.#required.add(`${table} ${name}`);
  }

  isRequired(table: string, name: string): boolean {
    return this.#required.has(`${table} ${name}`);
  }

  /** @returns whether the column is not in use, under the new name either */
  renameColumn(table: string, name: string, newName: string): boolean {
    const filled = this.#columns.get(`${table} ${name}`);
    if (filled !== undefined) {
      this.makeColumn(table, newName, filled);
    }
    return filled !== undefined;
  }

  /** As `isInUse`, of a column of a table that was there. */
  isColumnInUse(table: string, name: string): boolean {
    return !this.#columns.has(`${table} ${name}`);
  }

  /** Whether a row of a version that does not know the column has nothing there. */
  isLeftEmpty(table: string, name: string): boolean {
    return this.#columns.get(`${table} ${name}`) === false;
  }

  constrain(table: string, name: string, notNull: string | undefined, valid: boolean): void {
    this.#constraints.set(`${table} ${name}`, { table, notNull, valid, isSettled: false });
  }

  /** @returns whether the constraint was added in the transaction that it is validated in */
  validate(table: string, name: string): boolean {
    const constraint = this.#constraints.get(`${table} ${name}`);
    if (constraint !== undefined) {
      constraint.valid = true;
    }
    return constraint?.isSettled === false;
  }

  /** Whether every row was held to NOT NULL already, so that Postgres reads none of them again. */
  isNeverNull(table: string, column: string): boolean {
    return [...this.#constraints.values()].some(
      (constraint) => constraint.table === table && constraint.notNull === column && constraint.valid,
    );
  }
}

/** The name of a table, view or index as a migration writes it; public is where a name without a schema is. */
export function relationName(relation: RangeVar | undefined): string {
  return qualifiedName([relation?.schemaname, relation?.relname]);
}

/** The name that a node of a DROP says, whatever the kind of thing is. */
export function droppedName(node: Node): string {
  const names =
    'List' in node
      ? node.List.items
      : 'TypeName' in node
        ? node.TypeName.names
        : 'ObjectWithArgs' in node
          ? node.ObjectWithArgs.objname
          : [node];
  return qualifiedName((names ?? []).map((name) => ('String' in name ? name.String.sval : undefined)));
}

/** What a list of names says. */
export function qualifiedName(names: (string | undefined)[]): string {
  return names.filter((name, index) => name && (index > 0 || name !== 'public')).join('.');
}
