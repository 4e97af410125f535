import { isMap, type Json, type JsonMap } from '../check/model.ts';
import { align, canonical } from './list-alignment.ts';

/** An element of a list: its index, and what it is called. The index of an added one is that of the new list. */
type Element = { at: number; label: string };
export type Step = string | Element;

/**
 * What differs between two values at a path: `was` is absent for what is added, `is` for what is removed. `order`
 * stands in place of both where the elements that a list keeps have another order: them in the new one.
 */
export type Change = { path: Step[]; was?: Json; is?: Json; order?: Element[] };

/** What makes one value the other, field by field; none where they are equal. Keys of maps have no order. */
export function fieldChanges(was: Json, is: Json): Change[] {
  return changesAt([], was, is);
}

function changesAt(path: Step[], was: Json, is: Json): Change[] {
  if (isMap(was) && isMap(is)) {
    return mapChanges(path, was, is);
  }
  if (Array.isArray(was) && Array.isArray(is)) {
    return listChanges(path, was, is);
  }
  return canonical(was) === canonical(is) ? [] : [{ path, was, is }];
}

function mapChanges(path: Step[], was: JsonMap, is: JsonMap): Change[] {
  const [before, after] = [new Map(Object.entries(was)), new Map(Object.entries(is))];
  return [...new Set([...before.keys(), ...after.keys()])].flatMap((key): Change[] => {
    const [one, other] = [before.get(key), after.get(key)];
    if (one === undefined || other === undefined) {
      return [
        {
          path: [...path, key],
          ...(one !== undefined && { was: one }),
          ...(other !== undefined && { is: other }),
        },
      ];
    }
    return changesAt([...path, key], one, other);
  });
}

function listChanges(path: Step[], was: Json[], is: Json[]): Change[] {
  const field = path.findLast((step) => typeof step === 'string') ?? '';
  const { pairs, label } = align(was, is, typeof path.at(-1) === 'string' ? field : '');
  const element = (list: Json[], at: number): Element => ({ at, label: label(list[at] ?? null, at) });
  const [kept, there] = [new Set(pairs.map(([at]) => at)), new Set(pairs.map(([, at]) => at))];
  const within = pairs.flatMap(([before, after]) =>
    changesAt([...path, element(was, before)], was[before] ?? null, is[after] ?? null),
  );
  const removed = was.flatMap((value, at): Change[] =>
    kept.has(at) ? [] : [{ path: [...path, element(was, at)], was: value }],
  );
  const added = is.flatMap((value, at): Change[] =>
    there.has(at) ? [] : [{ path: [...path, element(is, at)], is: value }],
  );
  const isMoved = pairs.some(([before], index) => before < (pairs[index - 1]?.[0] ?? -1));
  const order: Change[] = isMoved ? [{ path, order: pairs.map(([before]) => element(was, before)) }] : [];
  return [...within, ...removed, ...added, ...order];
}

/** The value that the changes make of another one: `applyChanges(was, fieldChanges(was, is))` is `is`. */
export function applyChanges(was: Json, changes: Change[]): Json {
  return applied(
    was,
    changes.map((change) => ({ ...change, rest: change.path })),
  );
}

type Open = Change & { rest: Step[] };

function applied(was: Json, changes: Open[]): Json {
  const whole = changes.find(({ rest, is }) => rest.length === 0 && is !== undefined);
  if (whole?.is !== undefined) {
    return whole.is;
  }
  if (changes.length === 0) {
    return was;
  }
  return Array.isArray(was) ? appliedToList(was, changes) : appliedToMap(isMap(was) ? was : {}, changes);
}

function appliedToMap(was: JsonMap, changes: Open[]): JsonMap {
  const result = new Map(Object.entries(was));
  for (const [key, own] of Map.groupBy(changes, ({ rest }) => String(rest[0]))) {
    const next = inside(own);
    if (next.some(isRemoval)) {
      result.delete(key);
    } else {
      result.set(key, applied(result.get(key) ?? null, next));
    }
  }
  return Object.fromEntries(result);
}

function appliedToList(was: Json[], changes: Open[]): Json[] {
  const order = changes.find(({ rest }) => rest.length === 0)?.order;
  const below = changes.filter(({ rest }) => rest.length > 0);
  const indexOf = ({ rest: [step] }: Open) => (typeof step === 'object' ? step.at : 0);
  const isAddition = ({ rest, was, is }: Open) => rest.length === 1 && was === undefined && is !== undefined;
  const [added, own] = [below.filter(isAddition), below.filter((change) => !isAddition(change))];
  const byIndex = Map.groupBy(own, indexOf);
  const kept = was.keys().filter((at) => !inside(byIndex.get(at) ?? []).some(isRemoval));
  const result = (order?.map(({ at }) => at) ?? [...kept]).map((at) =>
    applied(was[at] ?? null, inside(byIndex.get(at) ?? [])),
  );
  for (const change of added.sort((one, other) => indexOf(one) - indexOf(other))) {
    result.splice(indexOf(change), 0, change.is ?? null);
  }
  return result;
}

function inside(changes: Open[]): Open[] {
  return changes.map((change) => ({ ...change, rest: change.rest.slice(1) }));
}

function isRemoval({ rest, was, is, order }: Open): boolean {
  return rest.length === 0 && was !== undefined && is === undefined && order === undefined;
}

/** The path as a reader names it: `spec.template.spec.containers[edge].image`. */
export function pathText(path: Step[]): string {
  return path
    .map((step, index) => {
      if (typeof step === 'object') {
        return `[${step.label}]`;
      }
      return /^[\w-]+$/.test(step) ? `${index === 0 ? '' : '.'}${step}` : `[${JSON.stringify(step)}]`;
    })
    .join('');
}
