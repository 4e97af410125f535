import { isMap, type Json, type JsonMap, maps, text, valueAt } from '../../check/model.ts';
import type { Step } from '../fields.ts';
import { align } from '../list-alignment.ts';

/** The field manager of Argo CD's server-side apply. */
export const argocdManager = 'argocd-controller';

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

/** A field with the manager that owns it, how it was written (Apply or Update), and by which subresource, '' for none. */
export type OwnedField = { manager: string; operation: string; subresource: string; path: Step[] };

/** Every field of an object that its managedFields name, as far as the object has it: what is owned as a whole is one. */
export function ownedFields(object: JsonMap): OwnedField[] {
  return maps(valueAt(object, ['metadata', 'managedFields'])).flatMap(
    ({ manager, operation, subresource, fieldsV1 }) =>
      (isMap(fieldsV1) ? leaves(fieldsV1, object, []) : []).map((path) => ({
        manager: text(manager),
        operation: text(operation),
        subresource: text(subresource),
        path,
      })),
  );
}

function leaves(fields: JsonMap, value: Json, path: Step[]): Step[][] {
  const below = Object.entries(fields).filter(([key]) => key !== '.');
  if (below.length === 0) {
    return [path];
  }
  return below.flatMap(([key, inner]): Step[][] => {
    const there = key.startsWith('f:') ? fieldAt(value, key.slice(2)) : elementAt(value, key, path.at(-1));
    return there === undefined || !isMap(inner) ? [] : leaves(inner, there.value, [...path, there.step]);
  });
}

type There = { step: Step; value: Json };

function fieldAt(value: Json, name: string): There | undefined {
  const inner = isMap(value) && Object.hasOwn(value, name) ? value[name] : undefined;
  return inner === undefined ? undefined : { step: name, value: inner };
}

function elementAt(list: Json, key: string, field: Step | undefined): There | undefined {
  const at = Array.isArray(list) ? list.findIndex((item, index) => isNamedBy(key, item, index)) : -1;
  if (!Array.isArray(list) || at < 0) {
    return undefined;
  }
  const item = list[at] ?? null;
  const { label } = align(list, list, typeof field === 'string' ? field : '');
  return { step: { at, label: label(item, at) }, value: item };
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
  return [Object.keys(fields).find((key) => isNamedBy(key, item, at)), item];
}

/** Whether a key of managedFields means that element of a list: by its place, by fields of it, or by its value. */
function isNamedBy(key: string, item: Json, at: number): boolean {
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
}
