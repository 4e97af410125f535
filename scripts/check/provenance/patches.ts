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
import { pluginsOf } from '../plugins.ts';
import { mergeKeys } from '../yaml/places.ts';
import type { YamlFile, YamlFiles } from '../yaml/yaml-files.ts';
import { isOf, manifestTouch, type Names, type Subject, type Touch } from './touches.ts';

/** A patch as a kustomization, or a plug-in of it, names it or has it in place. */
export type Patch = {
  file: YamlFile;
  document: number;
  at: FieldPath;
  target: Json | undefined;
  /** Whether what it changed may have another kind than `target` says. */
  changesKind: boolean;
  /** Undefined where it cannot be read. */
  text: YamlFile | undefined;
  isPlugin: boolean;
};

/** A kustomization's patches, in the order in which they are applied; plug-ins' are, after all else. */
export async function patchesOf(kustomization: Kustomization, files: YamlFiles): Promise<Patch[]> {
  const { dir, file, value } = kustomization;
  const named = async (name: string) =>
    files.holds(path.resolve(dir, name)) ? await files.read(path.resolve(dir, name)) : undefined;
  const found: Patch[] = [];
  for (const field of ['patchesStrategicMerge', 'patches', 'patchesJson6902']) {
    const entries = Array.isArray(value[field]) ? value[field] : [];
    for (const [index, entry] of entries.entries()) {
      const at: FieldPath = [field, index];
      const said = isMap(entry) ? text(entry.path) : text(entry);
      // patchesStrategicMerge has paths and whole patches in one list.
      const isPath = said !== '' && !said.includes('\n');
      const inPlace = isMap(entry) ? [...at, 'patch'] : at;
      found.push({
        ...{ file, document: 0, at, isPlugin: false },
        target: isMap(entry) ? entry.target : undefined,
        changesKind: isMap(entry) && allowsKindChange(entry),
        text: isPath ? await named(said) : file.inner(0, inPlace),
      });
    }
  }
  for (const plugin of await pluginsOf(kustomization, 'transformers', files)) {
    const { file, document, kind, value } = plugin;
    const add = (at: FieldPath, text: YamlFile | undefined) =>
      found.push({
        file,
        document,
        at,
        target: value.target,
        changesKind: allowsKindChange(value),
        text,
        isPlugin: true,
      });
    if (kind === 'PatchTransformer' || kind === 'PatchJson6902Transformer') {
      const inPlace = kind === 'PatchTransformer' ? 'patch' : 'jsonOp';
      const isPath = text(value.path) !== '';
      add([], isPath ? await named(text(value.path)) : file.inner(document, [inPlace]));
    } else if (kind === 'PatchStrategicMergeTransformer') {
      for (const [index, name] of (Array.isArray(value.paths) ? value.paths : []).entries()) {
        add(['paths', index], await named(text(name)));
      }
      add(['patches'], file.inner(document, ['patches']));
    }
  }
  return found;
}

function allowsKindChange({ options }: JsonMap): boolean {
  return isMap(options) && options.allowKindChange === true;
}

/** What a kustomization's patches, or those of its plug-ins, say of a field, in the order of their effect. */
export async function patchTouches(
  subject: Subject,
  names: Names,
  kustomization: Kustomization,
  of: 'itself' | 'plugins',
  files: YamlFiles,
): Promise<Touch[]> {
  return (await patchesOf(kustomization, files))
    .filter(({ isPlugin }) => isPlugin === (of === 'plugins'))
    .filter(({ target }) => target === undefined || selectsObject(target, subject.object, names))
    .flatMap(({ target, text }) =>
      text === undefined ? [] : patchFileTouches(subject, names, text, target !== undefined),
    );
}

function patchFileTouches(subject: Subject, names: Names, patch: YamlFile, targeted: boolean): Touch[] {
  return patch.values().flatMap((value, index): Touch[] => {
    if (Array.isArray(value)) {
      return value.flatMap((operation, at) =>
        isMap(operation) ? jsonTouches(subject, patch, index, at, operation) : [],
      );
    }
    return targeted || isOf(subject, names, value)
      ? [manifestTouch(subject, patch, { document: index, at: [] })]
      : [];
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
  const { path: wanted, value: left } = subject;
  const pointer = text(operation.path).split('/').slice(1);
  const steps = pointer.map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
  const removes = operation.op === 'remove';
  const [list, item] = [steps.slice(0, -1), steps.slice(-1)];
  // A list is what is left of it.
  if (removes && isItem(item) && Array.isArray(left) && list.length === wanted.length) {
    const { line, column } = file.locate(index, [at, 'path']);
    const touch = { file: file.path, line, column, depth: wanted.length, value: left, removes: false };
    const { leads, moved } = leadsTo(subject, list);
    return leads && !moved ? [touch] : [];
  }
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
  const { leads, moved } = leadsTo({ object, path: wanted }, steps);
  if (!leads) {
    return false;
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

/** Whether steps go the way to a field; `moved` where they say another position in a list. */
function leadsTo(
  { object, path: wanted }: Pick<Subject, 'object' | 'path'>,
  steps: string[],
): { leads: boolean; moved: boolean } {
  let moved = false;
  for (const [nth, step] of steps.entries()) {
    const ours = wanted[nth];
    const list = valueAt(object.value, wanted.slice(0, nth));
    if (ours === undefined || (typeof ours === 'string' && ours !== step)) {
      return { leads: false, moved };
    }
    const position = step === '-' && Array.isArray(list) ? list.length - 1 : Number(step);
    moved ||= typeof ours === 'number' && ours !== position;
  }
  return { leads: true, moved };
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
