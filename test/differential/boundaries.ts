import { type FieldPath, isMap, type Json, type JsonMap } from '../../scripts/check/model.ts';
import { type Absent, absent, changed, type Mutant, shown } from './mutants.ts';

/** What the URL says. */
const left = ['kind', 'apiVersion', 'metadata.namespace'];

const strings = ['', 'x', 'Not valid!', '-x', 'a..b', '../x', '/x', '1', 'a'.repeat(64), 'a'.repeat(254)];
const numbers = [-1, 0, 1, 2, 65_536, 86_401, 2 ** 31 - 1];

/**
 * An object with each of its fields taken away, or at a boundary of what kube-apiserver takes: an empty or long or odd
 * name, a number at an edge, an item or a key twice or odd. `passes`: fields that are left as they are.
 */
export function boundaryMutants(object: JsonMap, passes: (path: FieldPath) => boolean): Mutant[] {
  return fieldsOf(object, [])
    .filter(({ path }) => !left.includes(path.join('.')) && !passes(path))
    .flatMap(({ path, value }) =>
      boundaries(value).map((candidate) => ({
        what: `${path.join('.')}: ${shown(candidate).slice(0, 60)}`,
        value: changed(object, path, candidate) as JsonMap,
      })),
    );
}

function boundaries(value: Json): (Json | Absent)[] {
  return [absent, ...others(value)];
}

function others(value: Json): Json[] {
  if (typeof value === 'number') {
    return numbers;
  }
  if (typeof value === 'string') {
    // A quantity or a percentage is of numbers too.
    return /^\d/.test(value) ? [...strings, '0', '-1', '100', '101%', '1Gi', '999Ti', '1.5'] : strings;
  }
  if (Array.isArray(value)) {
    const [first] = value;
    return first === undefined ? [] : [[], [...value, first]];
  }
  if (isMap(value)) {
    const isOfStrings = Object.values(value).some((field) => typeof field === 'string');
    return [
      {},
      ...(isOfStrings
        ? [
            { ...value, 'not a key!': 'x' },
            { ...value, 'x/y/z': 'x' },
          ]
        : []),
    ];
  }
  return typeof value === 'boolean' ? [!value] : [];
}

function fieldsOf(value: Json, path: FieldPath): { path: FieldPath; value: Json }[] {
  const below = Array.isArray(value)
    ? value.flatMap((item, index) => fieldsOf(item, [...path, index]))
    : isMap(value)
      ? Object.entries(value).flatMap(([key, field]) => fieldsOf(field, [...path, key]))
      : [];
  return path.length === 0 ? below : [{ path, value }, ...below];
}
