import { resolve } from 'node:path';
import type { Kustomization } from '../kustomization.ts';
import { type FieldPath, isMap, type Json, type JsonMap, maps, text, valueAt } from '../model.ts';
import { pluginsOf } from '../plugins.ts';
import type { YamlFile, YamlFiles } from '../yaml/yaml-files.ts';
import { selectsObject } from './patches.ts';
import { fieldTouch, type Names, type Subject, type Touch } from './touches.ts';

/** An entry of the `replacements` of a kustomization or a plug-in of it, or of a file that one names there. */
type Replacement = { file: YamlFile; document: number; at: FieldPath; entry: JsonMap };

/** Every replacement of a kustomization, in the order in which they are made. */
export async function replacementsOf(kustomization: Kustomization, files: YamlFiles): Promise<Replacement[]> {
  const { dir, file, value } = kustomization;
  const plugins = await pluginsOf(kustomization, 'transformers', files);
  const found: Replacement[] = [];
  for (const { file: own, document, value: said } of [{ file, document: 0, value }, ...plugins]) {
    for (const [index, entry] of maps(said.replacements).entries()) {
      found.push({ file: own, document, at: ['replacements', index], entry });
      const path = resolve(dir, text(entry.path));
      if (text(entry.path) !== '' && files.holds(path)) {
        found.push(...inFile(await files.read(path)));
      }
    }
  }
  return found;
}

/** A file of replacements is a list of them, or one. */
function inFile(file: YamlFile): Replacement[] {
  const [value] = file.values();
  return isMap(value)
    ? [{ file, document: 0, at: [], entry: value }]
    : maps(value).map((entry, index) => ({ file, document: 0, at: [index], entry }));
}

/** The lines of a kustomization's replacements that set the field. */
export async function replacementTouches(
  subject: Subject,
  names: Names,
  kustomization: Kustomization,
  files: YamlFiles,
): Promise<Touch[]> {
  const all = await replacementsOf(kustomization, files);
  return all.flatMap((replacement) => entryTouches(subject, names, replacement));
}

function entryTouches(subject: Subject, names: Names, { file, document, at, entry }: Replacement): Touch[] {
  const source = isMap(entry.source) ? entry.source : {};
  const copies = {
    kind: text(source.kind),
    name: text(source.name),
    steps: stepsOf(text(source.fieldPath) || 'metadata.name'),
  };
  return maps(entry.targets).flatMap(({ select, reject, fieldPaths }, target) => {
    const isMeant =
      selectsObject(select ?? {}, subject.object, names) &&
      !maps(reject).some((selector) => selectsObject(selector, subject.object, names));
    return (isMeant && Array.isArray(fieldPaths) ? fieldPaths : []).flatMap((fieldPath, index) =>
      leadsTo(text(fieldPath), subject.path, subject.object.value)
        ? [
            {
              ...fieldTouch(
                subject,
                file,
                [...at, 'targets', target, 'fieldPaths', index],
                undefined,
                document,
              ),
              copies,
            },
          ]
        : [],
    );
  });
}

/** Where the steps of a field path of Kustomize's lead in an object: `[name=web]` to that item, a number to that one. */
export function pathBy(steps: string[], object: Json): FieldPath {
  const path: FieldPath = [];
  for (const step of steps) {
    const list = valueAt(object, path);
    const [, key = '', wanted] = /^\[(.*)=(.*)\]$/.exec(step) ?? [];
    const isPosition = Array.isArray(list) && /^\d+$/.test(step);
    const index = isPosition
      ? Number(step)
      : maps(list).findIndex((item) => wanted !== undefined && String(item[key]) === wanted);
    path.push(index < 0 ? step : index);
  }
  return path;
}

/** Whether a field path of Kustomize's, such as `spec.template.spec.containers.[name=web].image`, leads to a field. */
function leadsTo(fieldPath: string, path: FieldPath, object: Json): boolean {
  const steps = stepsOf(fieldPath);
  return (
    steps.length === path.length &&
    steps.every((step, index) => {
      const key = /^\[(.*)=(.*)\]$/.exec(step);
      const item = valueAt(object, path.slice(0, index + 1));
      return key === null
        ? step === '*' || String(path[index]) === step
        : isMap(item) && String(item[key[1] ?? '']) === key[2];
    })
  );
}

function stepsOf(fieldPath: string): string[] {
  const steps = fieldPath.match(/\[[^\]]*\]|(?:\\.|[^.[\]])+/g) ?? [];
  return steps.map((step) => step.replaceAll('\\.', '.'));
}
