import { isMap, type Json, type JsonMap, text, valueAt } from '../check/model.ts';

/** Which elements of two lists are one: pairs of indexes, each index once, in the order of the second list. */
export type Alignment = { pairs: [was: number, is: number][]; label: (element: Json, at: number) => string };

/** A field of an element, or several; `protocol` has the API's default. */
type Key = string[];

/**
 * The fields by which Kubernetes merges the lists of a field, as its API types say; where a field's name stands for
 * several lists, the first key that each element has and none shares.
 */
const mergeKeys = new Map<string, Key[]>(
  Object.entries({
    ports: [['containerPort', 'protocol'], ['port', 'protocol'], ['port']],
    volumeMounts: [['mountPath']],
    volumeDevices: [['devicePath']],
    hostAliases: [['ip']],
    ownerReferences: [['uid']],
    conditions: [['type']],
    topologySpreadConstraints: [['topologyKey', 'whenUnsatisfiable'], ['topologyKey']],
    volumeClaimTemplates: [['metadata.name']],
    subjects: [['kind', 'namespace', 'name']],
    items: [['key'], ['path']],
    paths: [['path']],
    rules: [['host']],
  }),
);

/** Aligns the elements of two lists: by merge key, else by what is equal, and what is left between by its place. */
export function align(was: Json[], is: Json[], field: string): Alignment {
  const key = [...(mergeKeys.get(field) ?? []), ['name']].find(
    (candidate) => identifies(was, candidate) && identifies(is, candidate),
  );
  if (key === undefined) {
    return { pairs: byEquality(was, is), label: (_, at) => String(at) };
  }
  const places = new Map(was.map((element, at) => [labelOf(element, key), at]));
  const pairs = is.flatMap((element, at): [number, number][] => {
    const before = places.get(labelOf(element, key));
    return before === undefined ? [] : [[before, at]];
  });
  return { pairs, label: (element) => labelOf(element, key) };
}

function identifies(list: Json[], key: Key): boolean {
  const hasKey = (element: Json): element is JsonMap =>
    isMap(element) && key.every((field) => field === 'protocol' || isScalar(fieldOf(element, field)));
  return list.every(hasKey) && new Set(list.map((element) => labelOf(element, key))).size === list.length;
}

function isScalar(value: Json | undefined): boolean {
  return typeof value === 'string' || typeof value === 'number';
}

function fieldOf(element: Json, field: string): Json | undefined {
  return valueAt(element, field.split('.'));
}

/** The default protocol is not said. */
function labelOf(element: Json, key: Key): string {
  return key
    .map((field) => {
      const value = fieldOf(element, field);
      return field === 'protocol' ? text(value).replace(/^TCP$/, '') : String(value ?? '');
    })
    .filter((part) => part !== '')
    .join('/');
}

function byEquality(was: Json[], is: Json[]): [number, number][] {
  const equal = commonSubsequence(was.map(canonical), is.map(canonical));
  const pairs: [number, number][] = [];
  let [before, after] = [0, 0];
  for (const [nextBefore, nextAfter] of [...equal, [was.length, is.length] as const]) {
    while (before < nextBefore && after < nextAfter) {
      pairs.push([before, after]);
      before += 1;
      after += 1;
    }
    if (nextBefore < was.length && nextAfter < is.length) {
      pairs.push([nextBefore, nextAfter]);
    }
    [before, after] = [nextBefore + 1, nextAfter + 1];
  }
  return pairs;
}

/** A text that is the same for equal values, whatever the order of their keys. */
export function canonical(value: Json): string {
  return JSON.stringify(value, (_, inner: Json) =>
    isMap(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([one], [other]) => (one < other ? -1 : 1)))
      : inner,
  );
}

/** Above this many comparisons the middle of two lists counts as replaced: a table of them would not end. */
const mostComparisons = 4_000_000;

/** The indexes of a longest common subsequence of two lists, in order. */
export function commonSubsequence(was: string[], is: string[]): [number, number][] {
  let start = 0;
  while (start < was.length && start < is.length && was[start] === is[start]) {
    start += 1;
  }
  let tail = 0;
  while (
    tail < was.length - start &&
    tail < is.length - start &&
    was[was.length - 1 - tail] === is[is.length - 1 - tail]
  ) {
    tail += 1;
  }
  const ends = (length: number, from: number) => Array.from({ length }, (_, index) => from + index);
  const head = ends(start, 0).map((at): [number, number] => [at, at]);
  const last = ends(tail, 0).map((at): [number, number] => [was.length - tail + at, is.length - tail + at]);
  const middle = subsequence(was.slice(start, was.length - tail), is.slice(start, is.length - tail));
  return [...head, ...middle.map(([one, other]): [number, number] => [one + start, other + start]), ...last];
}

function subsequence(was: string[], is: string[]): [number, number][] {
  const width = is.length + 1;
  if (was.length === 0 || is.length === 0 || was.length * is.length > mostComparisons) {
    return [];
  }
  const lengths = new Uint32Array((was.length + 1) * width);
  const length = (row: number, column: number) => lengths[row * width + column] ?? 0;
  for (let row = was.length - 1; row >= 0; row -= 1) {
    for (let column = is.length - 1; column >= 0; column -= 1) {
      lengths[row * width + column] =
        was[row] === is[column]
          ? length(row + 1, column + 1) + 1
          : Math.max(length(row + 1, column), length(row, column + 1));
    }
  }
  const pairs: [number, number][] = [];
  let [row, column] = [0, 0];
  while (row < was.length && column < is.length) {
    if (was[row] === is[column]) {
      pairs.push([row, column]);
      row += 1;
      column += 1;
    } else if (length(row + 1, column) >= length(row, column + 1)) {
      row += 1;
    } else {
      column += 1;
    }
  }
  return pairs;
}
