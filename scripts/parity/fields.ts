import { isDeepStrictEqual } from 'node:util';
import { type FieldPath, isMap, type Json, type JsonMap } from '../check/model.ts';
import { mergeKeys } from '../check/yaml/places.ts';

/**
 * A field of an object as one environment has it. `path` leads there in the environment's own object; where an item of
 * a list is not in it, `absent` is that item as another environment has it, and `path` goes on as if it were the last.
 */
export type Slot = {
  value: Json | undefined;
  path: FieldPath;
  absent?: { list: FieldPath; item: Json };
};

/**
 * A field that is not the same in all. `label` is its path with list items by their merge keys. Where some lack a
 * whole part, that is one field, and `leaves` are the fields in it.
 */
export type FieldDifference = { label: string; slots: Slot[]; leaves: FieldDifference[] };

/** The fields that differ between an object's values, one for each environment. */
export function fieldDifferences(values: JsonMap[]): FieldDifference[] {
  return differences(
    values.map((value) => ({ value, path: [] })),
    '',
  );
}

/** @param key what is the same in all by itself: the merge key of the items that the slots are */
function differences(slots: Slot[], label: string, key?: string): FieldDifference[] {
  const there = slots.flatMap(({ value }) => (value === undefined ? [] : [value]));
  const [first] = there;
  const areSame = there.every((value) => isDeepStrictEqual(value, first));
  if (areSame && there.length === slots.length) {
    return [];
  }
  const children = childrenOf(slots, there, key)?.flatMap((child) =>
    differences(child.slots, label + child.step, child.key),
  );
  if (children?.length === 0 && there.length === slots.length && !label.endsWith('.initContainers')) {
    // Only in the order of what has keys, which says nothing but for what runs one after the other.
    return [];
  }
  if (children === undefined || children.length === 0) {
    return [{ label, slots, leaves: [] }];
  }
  // The top of an object is in all.
  if (!areSame || children.length === 1 || label === '') {
    return children;
  }
  const leaves = children.flatMap((child) => (child.leaves.length > 0 ? child.leaves : [child]));
  return [{ label, slots, leaves }];
}

type Child = { step: string; slots: Slot[]; key?: string };

/** What is one step below; undefined where that is no more than a value. */
function childrenOf(slots: Slot[], there: Json[], without?: string): Child[] | undefined {
  if (there.every(isMap)) {
    const keys = new Set(there.flatMap((value) => Object.keys(value)));
    return [...keys]
      .filter((key) => key !== without)
      .map((key) => ({
        step: /^\w+$/.test(key) ? `.${key}` : `[${key}]`,
        slots: slots.map((slot) => ({
          ...slot,
          value: isMap(slot.value) ? slot.value[key] : undefined,
          path: [...slot.path, key],
        })),
      }));
  }
  if (!there.every(Array.isArray) || !there.flat().every(isMap) || there.flat().length === 0) {
    return undefined;
  }
  const lists = there as JsonMap[][];
  const field = slots[0]?.path.findLast((step) => typeof step === 'string') ?? '';
  const key = keyOf(lists, String(field));
  return key === undefined ? byPosition(slots, lists) : byKey(slots, lists, key);
}

/** The keys of lists whose items have several of `mergeKeys`: `patchMergeKey` in k8s.io/api. */
const keysOf: Record<string, string> = { volumeMounts: 'mountPath', volumeDevices: 'devicePath' };

/** The key by which the items of these lists are told apart; undefined where none does in each of them. */
function keyOf(lists: JsonMap[][], field: string): string | undefined {
  const own = keysOf[field] ?? (field === 'ports' ? 'containerPort' : undefined);
  return [...(own === undefined ? [] : [own]), ...mergeKeys].find((key) =>
    lists.every((items) => {
      const values = items.map((item) => item[key]);
      const areWords = values.every((value) => typeof value === 'string' || typeof value === 'number');
      return areWords && new Set(values).size === values.length;
    }),
  );
}

function byKey(slots: Slot[], lists: JsonMap[][], key: string): Child[] {
  const names = [...new Set(lists.flatMap((items) => items.map((item) => item[key])))];
  return names.map((name) => {
    const indexIn = (list: Json | undefined) =>
      Array.isArray(list) ? list.findIndex((item) => isMap(item) && item[key] === name) : -1;
    const donor = lists.find((items) => indexIn(items) >= 0) ?? [];
    const item = donor[indexIn(donor)] ?? {};
    return {
      step: `[${name}]`,
      key,
      slots: slots.map((slot) => itemSlot(slot, indexIn(slot.value), item, indexIn(donor))),
    };
  });
}

function byPosition(slots: Slot[], lists: JsonMap[][]): Child[] {
  const longest = lists.reduce((one, other) => (other.length > one.length ? other : one), []);
  return longest.map((item, index) => ({
    step: `[${index}]`,
    slots: slots.map((slot) => {
      const isThere = Array.isArray(slot.value) && index < slot.value.length;
      return itemSlot(slot, isThere ? index : -1, item, index);
    }),
  }));
}

/** The slot of an item at an index of a list; of one that is not in it below zero. */
function itemSlot(slot: Slot, index: number, item: Json, elsewhere: number): Slot {
  const { value: list, path } = slot;
  if (Array.isArray(list) && index < 0) {
    return { value: undefined, path: [...path, list.length], absent: { list: path, item } };
  }
  return Array.isArray(list)
    ? { ...slot, value: list[index], path: [...path, index] }
    : { ...slot, value: undefined, path: [...path, elsewhere] };
}
