import { isMap, isNode, isScalar, isSeq, type Node } from 'yaml';
import { type FieldPath, isMap as isJsonMap, type Json, valueAt } from '../model.ts';
import { FullYaml, resolveScalar, type YamlProblem } from './full-yaml.ts';
import { type Marks, readPlainYaml } from './plain-yaml.ts';

/** A place in a YAML text, how many steps of a path lead there, and the value that stands there. */
export type Located = { line: number; column: number; depth: number; value: Json };

/** A part of a text between two `---`. What tells the places of its nodes is made when one is asked for. */
export type Part = {
  text: string;
  firstLine: number;
  values: Json[];
  problems: YamlProblem[];
  marked?: { value: Json; marks: Marks };
  full?: FullYaml;
};

/** A part as the full parser reads it, parsed once. */
export function fullOf(part: Part): FullYaml {
  part.full ??= new FullYaml(part.text, part.firstLine);
  return part.full;
}

/**
 * Where a field stands. A step that is a number finds the list item that is the same thing as the one in `like`, and
 * else the one at that position.
 */
export function locateIn(part: Part, nth: number, path: FieldPath, like: Json): Located {
  return plainly(part, path, like) ?? fully(part, nth, path, like);
}

/** By the marks of the plain reader; undefined where it did not read the text, or the path leads into brackets. */
function plainly(part: Part, path: FieldPath, like: Json): Located | undefined {
  if (part.full !== undefined) {
    return undefined;
  }
  if (part.marked === undefined) {
    const marks: Marks = new Map();
    part.marked = { value: readPlainYaml(part.text, resolveScalar, marks) ?? null, marks };
  }
  const { marks } = part.marked;
  let { value } = part.marked;
  let mark = marks.get(value)?.values().next().value;
  if (mark !== undefined && Array.isArray(value)) {
    // An item is marked at what follows its dash; the list begins at the dash.
    mark = { line: mark.line, column: part.text.split('\n')[mark.line]?.search(/\S/) ?? 0 };
  }
  let depth = 0;
  for (const [step, name] of path.entries()) {
    const item = typeof name === 'number' ? valueAt(like, path.slice(0, step + 1)) : undefined;
    const at = Array.isArray(value) && typeof name === 'number' ? itemIndex(value, name, item) : name;
    const next = typeof at === 'string' || Array.isArray(value) ? valueAt(value, [at]) : undefined;
    if (next === undefined) {
      break;
    }
    const found = marks.get(value)?.get(at);
    if (found === undefined) {
      return undefined;
    }
    mark = found;
    value = next;
    depth += 1;
  }
  return mark && { line: part.firstLine + mark.line, column: mark.column + 1, depth, value };
}

function fully(part: Part, nth: number, path: FieldPath, like: Json): Located {
  const full = fullOf(part);
  const document = full.documents[nth];
  let at = document?.contents?.range[0] ?? 0;
  let node: unknown = document?.contents;
  let depth = 0;
  for (const [step, name] of path.entries()) {
    const item = typeof name === 'number' ? valueAt(like, path.slice(0, step + 1)) : undefined;
    const next = child(node, name, item);
    if (next === undefined) {
      break;
    }
    at = next.start;
    node = next.value;
    depth += 1;
  }
  const value = isNode(node) && document !== undefined ? (node.toJS(document) as Json) : null;
  return { ...full.position(at), depth, value };
}

/** The keys by which Kustomize and kubectl merge list items, `patchMergeKey` in k8s.io/api; the first that is there. */
export const mergeKeys = [
  'name',
  'mountPath',
  'devicePath',
  'containerPort',
  'port',
  'topologyKey',
  'ip',
  'key',
];

/** Which item of a list is the same thing as `like`; by position where none of the keys can tell. */
function itemIndex(items: Json[], position: number, like: Json | undefined): number {
  const key = isJsonMap(like)
    ? mergeKeys.find(
        (name) =>
          like[name] !== undefined && items.some((item) => isJsonMap(item) && item[name] !== undefined),
      )
    : undefined;
  return key === undefined || !isJsonMap(like)
    ? position
    : items.findIndex((item) => isJsonMap(item) && item[key] === like[key]);
}

/** The node at a path, undefined where the path leads nowhere. */
export function nodeAt(root: unknown, path: FieldPath): unknown {
  return path.reduce((node: unknown, step) => child(node, step, undefined)?.value, root);
}

function child(
  node: unknown,
  step: string | number,
  like: Json | undefined,
): { start: number; value: unknown } | undefined {
  if (isMap(node) && typeof step === 'string') {
    const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === step);
    return pair && { start: startOf(pair.key), value: pair.value };
  }
  if (isSeq(node) && typeof step === 'number') {
    const items: unknown[] = node.items;
    const keys = items.map(
      (item): Json =>
        isMap(item)
          ? Object.fromEntries(
              mergeKeys.flatMap((key) => (item.has(key) ? [[key, item.get(key) as Json]] : [])),
            )
          : null,
    );
    const item = items[itemIndex(keys, step, like)];
    return item === undefined ? undefined : { start: startOf(item), value: item };
  }
  return undefined;
}

function startOf(node: unknown): number {
  return (node as Node | null)?.range?.[0] ?? 0;
}
