import { Quantity } from '../admission/quantity.ts';
import { type FieldPath, isMap, type Json } from '../model.ts';

/** Rules of their own that tell of some of it, and of more: they are told once. */
type OtherRule = 'stuck-rollout' | 'volume-mount' | 'workload-selector';

/** What kube-apiserver refuses an object for: the field, as it names it, and why. */
export type Fault = { path: FieldPath; field: string; message: string; by?: OtherRule };

/** What is wrong with a string, undefined where nothing is. */
export type Syntax = (text: string) => string | undefined;

/** A field of an object as it is admitted, which may be absent: what is said of it becomes a fault. */
export class Field {
  readonly value: Json | undefined;
  readonly #faults: Fault[];
  // Names and paths are made when something is said: most fields are right.
  readonly #parent: Field | undefined;
  readonly #step: string | number;
  readonly #name: string | undefined;
  readonly #inBrackets: boolean;

  constructor(
    value: Json | undefined,
    faults: Fault[],
    parent?: Field,
    step: string | number = '',
    inBrackets = false,
    name?: string,
  ) {
    this.value = value;
    this.#faults = faults;
    this.#parent = parent;
    this.#step = step;
    this.#inBrackets = inBrackets;
    this.#name = name;
  }

  /** The field below it that the keys lead to. */
  at(...keys: string[]): Field {
    return keys.reduce<Field>((field, key) => {
      const value = isMap(field.value) ? field.value[key] : undefined;
      return new Field(value, field.#faults, field, key);
    }, this);
  }

  /** The items of a list, none where it is no list. */
  items(): Field[] {
    return Array.isArray(this.value)
      ? this.value.map((item, index) => new Field(item, this.#faults, this, index, true))
      : [];
  }

  /** The entries of a map whose keys are the user's. */
  entries(): [key: string, entry: Field][] {
    return Object.entries(isMap(this.value) ? this.value : {}).map(([key, value]) => [
      key,
      new Field(value, this.#faults, this, key, true),
    ]);
  }

  /** The same place under the name that kube-apiserver gives it, where that is not its path. */
  as(name: string): Field {
    return new Field(this.value, this.#faults, this.#parent, this.#step, this.#inBrackets, name);
  }

  get name(): string {
    if (this.#name !== undefined || this.#parent === undefined) {
      return this.#name ?? '';
    }
    const above = this.#parent.name;
    return this.#inBrackets
      ? `${above}[${this.#step}]`
      : above === ''
        ? `${this.#step}`
        : `${above}.${this.#step}`;
  }

  get #path(): FieldPath {
    return this.#parent === undefined ? [] : [...this.#parent.#path, this.#step];
  }

  get isSet(): boolean {
    return this.value !== undefined && this.value !== null;
  }

  /** Whether there is something in it: Go has no other word for an empty string, list or map. */
  get isEmpty(): boolean {
    const { value } = this;
    return (
      !this.isSet || value === '' || (typeof value === 'object' && Object.keys(value ?? {}).length === 0)
    );
  }

  get text(): string {
    return typeof this.value === 'string' ? this.value : '';
  }

  /** The number, and what stands for one that is absent. */
  number(absent = 0): number {
    return typeof this.value === 'number' ? this.value : absent;
  }

  /** Undefined where it is absent, or no quantity: a schema says that. */
  get quantity(): Quantity | undefined {
    return this.isSet ? Quantity.parse(String(this.value)) : undefined;
  }

  fault(message: string, by?: OtherRule): void {
    this.#faults.push({ path: this.#path, field: this.name, message, ...(by !== undefined && { by }) });
  }

  require(why = 'is needed'): boolean {
    if (this.isEmpty) {
      this.fault(why);
    }
    return !this.isEmpty;
  }

  /** A string that is there has the syntax. */
  syntax(...wanted: Syntax[]): void {
    const wrong = this.text === '' ? undefined : wanted.map((syntax) => syntax(this.text)).find(Boolean);
    if (wrong !== undefined) {
      this.fault(`"${abridged(this.text)}" ${wrong}`);
    }
  }

  /** A string is there, and has the syntax. */
  needs(...wanted: Syntax[]): void {
    if (this.require()) {
      this.syntax(...wanted);
    }
  }

  /** A number that is there is within. */
  within(least: number, most = Number.POSITIVE_INFINITY): void {
    if (typeof this.value === 'number' && (this.value < least || this.value > most)) {
      const range = most === Number.POSITIVE_INFINITY ? `at least ${least}` : `from ${least} to ${most}`;
      this.fault(`is ${this.value}, and must be ${range}`);
    }
  }

  /** A string that is there, or has to be, is one of some. */
  oneOf(values: readonly string[], needed = false): void {
    if (needed && this.isEmpty) {
      this.fault(`is needed: ${values.join(', ')}`);
    } else if (
      typeof this.value === 'string' &&
      (this.value !== '' || needed) &&
      !values.includes(this.value)
    ) {
      this.fault(`is "${abridged(this.value)}", and must be one of ${values.join(', ')}`);
    }
  }
}

function abridged(text: string): string {
  return text.length > 60 ? `${text.slice(0, 60)}...` : text;
}

/** Says of each of some fields whose text another before it has that it is there twice. */
export function unique(fields: Field[], keyOf: (field: Field) => string = ({ text }) => text): void {
  const seen = new Set<string>();
  for (const field of fields) {
    const key = keyOf(field);
    if (key !== '' && seen.has(key)) {
      field.fault(`"${abridged(key)}" is there twice`);
    }
    seen.add(key);
  }
}
