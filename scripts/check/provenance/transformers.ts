import type { Kustomization } from '../kustomization.ts';
import { type FieldPath, isMap, type JsonMap, maps, text } from '../model.ts';
import type { YamlFile, YamlFiles } from '../yaml/yaml-files.ts';
import { replacementTouches } from './replacements.ts';
import { fieldTouch, type Names, type Subject, type Touch } from './touches.ts';

/** What the fields of a kustomization that change objects say of one of their fields, in the order of their effect. */
export async function transformerTouches(
  subject: Subject,
  names: Names,
  kustomization: Kustomization,
  files: YamlFiles,
): Promise<Touch[]> {
  const { file, value } = kustomization;
  return [
    ...namespaceTouches(subject, file, value),
    ...labelTouches(subject, file, value),
    ...replicaTouches(subject, names, file, value),
    ...maps(value.images).flatMap((entry, index) => imageTouches(subject, file, ['images', index], entry)),
    ...(await replacementTouches(subject, names, kustomization, files)),
  ];
}

function namespaceTouches(subject: Subject, file: YamlFile, value: JsonMap): Touch[] {
  const set = [
    ['namespace', 'metadata.namespace'],
    ['namePrefix', 'metadata.name'],
    ['nameSuffix', 'metadata.name'],
  ];
  return set
    .filter(([field = '', path]) => value[field] !== undefined && subject.path.join('.') === path)
    .map(([field = '']) => fieldTouch(subject, file, [field]));
}

function labelTouches(subject: Subject, file: YamlFile, value: JsonMap): Touch[] {
  const [map, key] = subject.path.slice(-2);
  const into = String(map);
  const at = (pairs: unknown, path: FieldPath): Touch[] =>
    isMap(pairs) && typeof key === 'string' && pairs[key] !== undefined
      ? [fieldTouch(subject, file, [...path, key], pairs[key])]
      : [];
  const labels = maps(value.labels).flatMap((entry, index) => {
    const wide = entry.includeSelectors === true;
    const reaches =
      subject.path.length === 3
        ? into === 'labels'
        : into === 'labels'
          ? wide || entry.includeTemplates === true
          : wide;
    return reaches ? at(entry.pairs, ['labels', index, 'pairs']) : [];
  });
  return [
    ...labels,
    ...(['labels', 'matchLabels', 'selector'].includes(into) ? at(value.commonLabels, ['commonLabels']) : []),
    ...(into === 'annotations' ? at(value.commonAnnotations, ['commonAnnotations']) : []),
  ];
}

function replicaTouches(subject: Subject, names: Names, file: YamlFile, value: JsonMap): Touch[] {
  if (subject.path.join('.') !== 'spec.replicas') {
    return [];
  }
  return maps(value.replicas).flatMap((entry, index) =>
    [names.original, names.current].includes(text(entry.name))
      ? [fieldTouch(subject, file, ['replicas', index, 'count'], entry.count ?? null)]
      : [],
  );
}

/** An entry of `images` is found by the name before it or the name it gives; the render says only the latter. */
export function imageTouches(
  subject: Subject,
  file: YamlFile,
  at: FieldPath,
  entry: JsonMap,
  document = 0,
): Touch[] {
  if (subject.path.at(-1) !== 'image' || typeof subject.value !== 'string') {
    return [];
  }
  const repository = subject.value.replace(/@.*$/, '').replace(/:[^:/]*$/, '');
  const given = text(entry.newName) || text(entry.name);
  if (repository !== given && repository.split('/').at(-1) !== given.split('/').at(-1)) {
    return [];
  }
  const field = ['digest', 'newTag', 'newName'].find((name) => text(entry[name]) !== '') ?? 'name';
  const said = text(entry[field]);
  return subject.value.endsWith(said) || (field === 'newName' && repository === said)
    ? [fieldTouch(subject, file, [...at, field], subject.value, document)]
    : [];
}
