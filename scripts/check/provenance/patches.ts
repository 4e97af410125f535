import path from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { RE2JS } from 're2js';
import { labelsOf, selects } from '../admission/selectors.ts';
import type { Kustomization } from '../kustomization.ts';
import {
  type FieldPath,
  isMap,
  type Json,
  type JsonMap,
  type RenderedObject,
  text,
  valueAt,
} from '../model.ts';
import { mergeKeys } from '../yaml/places.ts';
import type { YamlFile, YamlFiles } from '../yaml/yaml-files.ts';
import { documentTouch, isOf, type Names, type Subject, type Touch } from './touches.ts';

/** What a kustomization's patches say of a field, in the order in which they are applied. */
export async function patchTouches(
  subject: Subject,
  names: Names,
  { dir, file, value }: Kustomization,
  files: YamlFiles,
): Promise<Touch[]> {
  const touches: Touch[] = [];
  for (const field of ['patchesStrategicMerge', 'patches', 'patchesJson6902']) {
    const entries = Array.isArray(value[field]) ? value[field] : [];
    for (const [index, entry] of entries.entries()) {
      const target = isMap(entry) ? entry.target : undefined;
      if (target !== undefined && !selectsObject(target, subject.object, names)) {
        continue;
      }
      const at: FieldPath = isMap(entry) ? [field, index, 'patch'] : [field, index];
      const named = isMap(entry) ? text(entry.path) : text(entry);
      // patchesStrategicMerge has paths and whole patches in one list.
      const isPath = named !== '' && !named.includes('\n');
      const patch = isPath ? await files.read(path.resolve(dir, named)) : file.inner(0, at);
      touches.push(
        ...(patch === undefined ? [] : patchFileTouches(subject, names, patch, target !== undefined)),
      );
    }
  }
  return touches;
}

function patchFileTouches(subject: Subject, names: Names, patch: YamlFile, targeted: boolean): Touch[] {
  return patch.values().flatMap((value, index): Touch[] => {
    if (Array.isArray(value)) {
      return value.flatMap((operation, at) =>
        isMap(operation) ? jsonTouches(subject, patch, index, at, operation) : [],
      );
    }
    return targeted || isOf(subject, names, value) ? [documentTouch(subject, patch, index)] : [];
  });
}

/** One operation of a JSON patch. https://www.rfc-editor.org/rfc/rfc6902 */
function jsonTouches(
  subject: Subject,
  file: YamlFile,
  index: number,
  at: number,
  operation: JsonMap,
): Touch[] {
  const { path: wanted } = subject;
  const pointer = text(operation.path).split('/').slice(1);
  const steps = pointer.map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
  const removes = operation.op === 'remove';
  if (!reaches(subject, steps, removes ? undefined : operation.value)) {
    return [];
  }
  const rest = wanted.slice(steps.length);
  const inside: FieldPath = removes || operation.value === undefined ? [] : [at, 'value', ...rest];
  const { line, column, depth, value } = file.locate(index, inside.length === 0 ? [at, 'path'] : inside);
  const found = inside.length === 0 ? rest.length : depth - 2;
  const whole = found === rest.length;
  return [
    {
      file: file.path,
      line,
      column,
      // What takes away says nothing of a field that was never there.
      depth: removes ? 0 : steps.length + found,
      value: whole && inside.length > 0 ? value : undefined,
      removes,
    },
  ];
}

/**
 * Whether a JSON patch's path leads to the field. A position in a list is that of the moment: later patches put items
 * before and behind it. So what the operation writes tells which item it was, and the position only where that is open.
 */
function reaches(
  { object, path: wanted, value }: Subject,
  steps: string[],
  written: Json | undefined,
): boolean {
  let moved = false;
  for (const [nth, step] of steps.entries()) {
    const ours = wanted[nth];
    const list = valueAt(object.value, wanted.slice(0, nth));
    if (ours === undefined || (typeof ours === 'string' && ours !== step)) {
      return false;
    }
    const position = step === '-' && Array.isArray(list) ? list.length - 1 : Number(step);
    moved ||= typeof ours === 'number' && ours !== position;
  }
  const there = valueAt(object.value, wanted.slice(0, steps.length));
  if (written === undefined) {
    // What was taken away is not there to compare with.
    return there === undefined;
  }
  const same = isSame(written, there);
  if (same !== undefined) {
    return same || (!moved && !isItem(steps));
  }
  const said = valueAt(written, wanted.slice(steps.length));
  return (!moved && there !== undefined) || (said !== undefined && isDeepStrictEqual(said, value));
}

function isItem(steps: string[]): boolean {
  return /^(-|\d+)$/.test(steps.at(-1) ?? '');
}

/** Whether two values are the same thing: undefined for lists and maps that changed and that no key names. */
function isSame(one: Json, other: Json | undefined): boolean | undefined {
  if (isDeepStrictEqual(one, other)) {
    return true;
  }
  const key =
    isMap(one) && isMap(other)
      ? mergeKeys.find((name) => one[name] !== undefined || other[name] !== undefined)
      : undefined;
  if (isMap(one) && isMap(other) && key !== undefined) {
    return one[key] === other[key];
  }
  return typeof one === 'object' && one !== null ? undefined : false;
}

/** Kustomize's selector of patches: names and kinds are anchored regular expressions. */
export function selectsObject(target: Json, object: RenderedObject, names: Names): boolean {
  if (!isMap(target)) {
    return false;
  }
  const [version = '', group = ''] = object.apiVersion.split('/').reverse();
  const matches = (field: string, ...values: string[]) => {
    const wanted = text(target[field]);
    return wanted === '' || values.some((value) => isAnchored(wanted, value));
  };
  const { original, current } = names;
  const annotations = isMap(object.value.metadata) ? object.value.metadata.annotations : undefined;
  return (
    matches('group', group) &&
    matches('version', version) &&
    matches('kind', object.id.kind) &&
    matches('name', original, current, object.id.name) &&
    matches('namespace', object.id.namespace) &&
    holds(text(target.labelSelector), labelsOf(object.value)) &&
    holds(text(target.annotationSelector), isMap(annotations) ? annotations : {})
  );
}

/** By RE2, as Kustomize: whoever writes the pattern must not be able to make it take for ever. */
function isAnchored(source: string, text: string): boolean {
  try {
    return RE2JS.compile(`^(?:${source})$`).matcher(text).find();
  } catch {
    return false;
  }
}

/** The equality and existence terms of a selector in text; set-based ones hold, so that no patch is passed over. */
function holds(selector: string, labels: JsonMap): boolean {
  return selector.split(',').every((term) => {
    const [, key = '', operator = '', wanted = ''] =
      /^\s*([\w./-]+)\s*(==?|!=)?\s*(.*?)\s*$/.exec(term) ?? [];
    if (operator === '!=') {
      return labels[key] !== wanted;
    }
    if (operator !== '') {
      return selects({ matchLabels: { [key]: wanted } }, labels);
    }
    return key === '' || wanted !== '' || labels[key] !== undefined;
  });
}
