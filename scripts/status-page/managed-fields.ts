import { isMap, type Json, type JsonMap, maps, text, valueAt } from '../check/model.ts';
import type { Step } from '../diff/fields.ts';

/**
 * The managers that own a field of an object, as its managedFields say; of one below an atomic value, who owns that.
 * @see https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management
 */
export function ownersOf(object: JsonMap, path: Step[]): string[] {
  return maps(valueAt(object, ['metadata', 'managedFields']))
    .filter(({ subresource }) => text(subresource) !== 'status')
    .filter(({ fieldsV1 }) => isMap(fieldsV1) && owns(fieldsV1, object, path))
    .map(({ manager }) => text(manager));
}

/** Who wrote an object last, its status aside; '' where it says nothing. */
export function lastWriter(object: JsonMap): string {
  const entries = maps(valueAt(object, ['metadata', 'managedFields'])).filter(
    ({ subresource }) => text(subresource) !== 'status',
  );
  const last = entries.toSorted((one, other) => (text(one.time) < text(other.time) ? -1 : 1)).at(-1);
  return text(last?.manager);
}

function owns(fields: JsonMap, value: Json, path: Step[]): boolean {
  const [step, ...rest] = path;
  if (step === undefined) {
    return true;
  }
  // What is owned as a whole has no fields of its own below it.
  if (Object.keys(fields).every((key) => key === '.')) {
    return Object.keys(fields).length === 0;
  }
  const [key, inner] = typeof step === 'string' ? named(fields, value, step) : listed(fields, value, step.at);
  const below = key === undefined ? undefined : fields[key];
  return isMap(below) && owns(below, inner, rest);
}

function named(fields: JsonMap, value: Json, step: string): [key: string | undefined, inner: Json] {
  const key = `f:${step}`;
  return [Object.hasOwn(fields, key) ? key : undefined, isMap(value) ? (value[step] ?? null) : null];
}

function listed(fields: JsonMap, value: Json, at: number): [key: string | undefined, inner: Json] {
  const item = Array.isArray(value) ? (value[at] ?? null) : null;
  const key = Object.keys(fields).find((key) => {
    const said = key.slice(2);
    if (key.startsWith('i:')) {
      return said === String(at);
    }
    if (!key.startsWith('k:') && !key.startsWith('v:')) {
      return false;
    }
    const wanted = JSON.parse(said) as Json;
    return isMap(wanted) && isMap(item)
      ? Object.entries(wanted).every(([field, is]) => item[field] === is)
      : wanted === item;
  });
  return [key, item];
}
