import { RE2JS } from 're2js';
import { type FieldPath, isMap, type Json, type JsonMap, maps, text } from '../model.ts';
import { brokenRules } from './validation-rules.ts';

/** Where a value departs from a schema. */
export type Departure = { path: FieldPath; keyword: string; message: string };

/** Every keyword that the generated schemas may have. Any other would be passed over, so the store refuses to write it. */
const judged = new Set([
  ...['type', 'enum', 'pattern', 'format', 'minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum'],
  ...['multipleOf', 'minLength', 'maxLength', 'items', 'minItems', 'maxItems', 'uniqueItems', 'properties'],
  ...['required', 'additionalProperties', 'minProperties', 'maxProperties', 'allOf', 'anyOf', 'oneOf', 'not'],
  ...['$ref', 'definitions', 'x-kubernetes-validations'],
]);

/** @throws when a schema has a keyword that `departures` does not judge */
export function assertJudged(schema: Json): void {
  if (!isMap(schema)) {
    return;
  }
  const unknown = Object.keys(schema).find((keyword) => !judged.has(keyword));
  if (unknown !== undefined) {
    throw new Error(
      `a schema has the keyword "${unknown}", which scripts/check/schemas/validate.ts does not judge`,
    );
  }
  const { properties, definitions, items, additionalProperties, not, allOf, anyOf, oneOf } = schema;
  for (const named of [properties, definitions]) {
    Object.values(isMap(named) ? named : {}).forEach(assertJudged);
  }
  for (const below of [items, additionalProperties, not, ...maps(allOf), ...maps(anyOf), ...maps(oneOf)]) {
    assertJudged(below ?? null);
  }
}

/**
 * Where a value departs from a schema that the store wrote (JSON Schema draft 4), every place of it. A test holds
 * this to kubeconform's verdicts.
 */
export function departures(schema: JsonMap, value: Json): Departure[] {
  const found: Departure[] = [];
  visit(schema, value, [], { root: schema, found });
  return found;
}

type Run = { root: JsonMap; found: Departure[] };

function visit(schema: JsonMap, value: Json, path: FieldPath, run: Run): void {
  if (typeof schema.$ref === 'string') {
    const name = schema.$ref.replace('#/definitions/', '');
    const definitions = isMap(run.root.definitions) ? run.root.definitions : {};
    const to = definitions[name];
    visit(isMap(to) ? to : {}, value, path, run);
    return;
  }
  const before = run.found.length;
  const say = (keyword: string, message: string) => run.found.push({ path, keyword, message });
  if (schema.type !== undefined && !isOfType(schema.type, value)) {
    say('type', `is ${nameOf(value)}, not ${listed(schema.type)}`);
    return;
  }
  if (
    Array.isArray(schema.enum) &&
    !schema.enum.some((allowed) => JSON.stringify(allowed) === JSON.stringify(value))
  ) {
    say(
      'enum',
      `is ${JSON.stringify(value)}, not one of ${schema.enum.map((allowed) => JSON.stringify(allowed)).join(', ')}`,
    );
  }
  if (typeof value === 'string') {
    visitText(schema, value, say);
  } else if (typeof value === 'number') {
    visitNumber(schema, value, say);
  } else if (Array.isArray(value)) {
    visitList(schema, value, path, run, say);
  } else if (isMap(value)) {
    visitMap(schema, value, path, run, say);
  }
  visitCombined(schema, value, path, run, say);
  // The API server asks these of a value that is otherwise as it should be.
  if (schema['x-kubernetes-validations'] !== undefined && run.found.length === before) {
    for (const message of brokenRules(maps(schema['x-kubernetes-validations']), value)) {
      say('x-kubernetes-validations', message);
    }
  }
}

type Say = (keyword: string, message: string) => void;

function visitText({ pattern, format, minLength, maxLength }: JsonMap, value: string, say: Say): void {
  if (typeof pattern === 'string' && !matches(pattern, value)) {
    const known = knownForms[pattern];
    say(
      'pattern',
      known === undefined ? `"${value}" does not match ${pattern}` : `"${value}" is no ${known}`,
    );
  }
  const form = typeof format === 'string' ? formats[format] : undefined;
  if (form !== undefined && !form.test(value)) {
    say('format', `"${value}" is no ${text(format)}`);
  }
  if (typeof minLength === 'number' && [...value].length < minLength) {
    say('minLength', `is shorter than ${minLength}`);
  }
  if (typeof maxLength === 'number' && [...value].length > maxLength) {
    say('maxLength', `is longer than ${maxLength}`);
  }
}

function visitNumber(schema: JsonMap, value: number, say: Say): void {
  const { minimum, maximum, multipleOf } = schema;
  if (
    typeof minimum === 'number' &&
    (schema.exclusiveMinimum === true ? value <= minimum : value < minimum)
  ) {
    say('minimum', `is ${value}, below ${minimum}`);
  }
  if (
    typeof maximum === 'number' &&
    (schema.exclusiveMaximum === true ? value >= maximum : value > maximum)
  ) {
    say('maximum', `is ${value}, above ${maximum}`);
  }
  if (typeof multipleOf === 'number' && !Number.isInteger(value / multipleOf)) {
    say('multipleOf', `is ${value}, no multiple of ${multipleOf}`);
  }
}

function visitList({ items, ...schema }: JsonMap, value: Json[], path: FieldPath, run: Run, say: Say): void {
  if (isMap(items)) {
    for (const [index, item] of value.entries()) {
      visit(items, item, [...path, index], run);
    }
  }
  counted(schema, 'Items', value.length, say);
  if (schema.uniqueItems === true && new Set(value.map((item) => JSON.stringify(item))).size < value.length) {
    say('uniqueItems', 'has the same item twice');
  }
}

function visitMap(schema: JsonMap, value: JsonMap, path: FieldPath, run: Run, say: Say): void {
  const properties = isMap(schema.properties) ? schema.properties : {};
  const { additionalProperties, required } = schema;
  for (const name of Array.isArray(required) ? required : []) {
    if (typeof name === 'string' && !Object.hasOwn(value, name)) {
      say('required', `lacks ${name}`);
    }
  }
  for (const [key, field] of Object.entries(value)) {
    const property = Object.hasOwn(properties, key) ? properties[key] : undefined;
    if (isMap(property)) {
      visit(property, field, [...path, key], run);
    } else if (additionalProperties === false) {
      run.found.push({ path: [...path, key], keyword: 'additionalProperties', message: 'is no field' });
    } else if (isMap(additionalProperties)) {
      visit(additionalProperties, field, [...path, key], run);
    }
  }
  counted(schema, 'Properties', Object.keys(value).length, say);
}

function counted(schema: JsonMap, of: 'Items' | 'Properties', count: number, say: Say): void {
  const [least, most] = [schema[`min${of}`], schema[`max${of}`]];
  if (typeof least === 'number' && count < least) {
    say(`min${of}`, `has ${count}, fewer than ${least}`);
  }
  if (typeof most === 'number' && count > most) {
    say(`max${of}`, `has ${count}, more than ${most}`);
  }
}

function visitCombined(
  { allOf, anyOf, oneOf, not }: JsonMap,
  value: Json,
  path: FieldPath,
  run: Run,
  say: Say,
): void {
  const fits = (schema: JsonMap): boolean => {
    const alone: Run = { root: run.root, found: [] };
    visit(schema, value, path, alone);
    return alone.found.length === 0;
  };
  for (const schema of maps(allOf)) {
    visit(schema, value, path, run);
  }
  if (anyOf !== undefined && !maps(anyOf).some(fits)) {
    say('anyOf', 'fits none of the forms it may have');
  }
  if (oneOf !== undefined && maps(oneOf).filter(fits).length !== 1) {
    say('oneOf', 'does not fit exactly one of the forms it may have');
  }
  if (isMap(not) && fits(not)) {
    say('not', 'has a form it must not have');
  }
}

function isOfType(type: Json, value: Json): boolean {
  const own = nameOf(value);
  const types = Array.isArray(type) ? type : [type];
  return types.includes(own) || (own === 'integer' && types.includes('number'));
}

function nameOf(value: Json): string {
  if (value === null) {
    return 'null';
  }
  if (Array.isArray(value)) {
    return 'array';
  }
  return typeof value === 'number' && Number.isInteger(value) ? 'integer' : typeof value;
}

function listed(type: Json): string {
  return Array.isArray(type) ? type.filter((name) => name !== 'null').join(' or ') : String(type);
}

/** RFC 3339, and time.ParseDuration of Go. */
const formats: Record<string, RegExp> = {
  'date-time':
    /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])[Tt](?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)$/,
  duration: /^[+-]?(?:0|(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+)$/,
};

/** k8s.io/apimachinery/pkg/api/resource/quantity.go, parseQuantityString and the suffixes it looks up. */
export const quantityPattern = '^[+-]?([0-9]+\\.?[0-9]*|\\.[0-9]+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]+)?$';

/** Go decodes a []byte from standard base64 and passes over line ends. */
const digit = '[A-Za-z0-9+/][\\r\\n]*';
const padding = '=[\\r\\n]*';
export const base64Pattern = `^[\\r\\n]*((${digit}){4})*((${digit}){2}(${padding}){2}|(${digit}){3}${padding})?$`;

const knownForms: Record<string, string> = {
  [quantityPattern]: 'quantity, such as 500m or 64Mi',
  [base64Pattern]: 'base64',
};

const patterns = new Map<string, { compiled: RE2JS; known: Map<string, boolean> }>();

/** By RE2, as the API server: linear in the text. The same few texts come up again and again. */
function matches(pattern: string, value: string): boolean {
  const { compiled, known } = patterns.get(pattern) ?? { compiled: RE2JS.compile(pattern), known: new Map() };
  patterns.set(pattern, { compiled, known });
  const before = known.get(value);
  if (before !== undefined) {
    return before;
  }
  const verdict = compiled.matcher(value).find();
  if (known.size < 10_000 && value.length < 100) {
    known.set(value, verdict);
  }
  return verdict;
}
