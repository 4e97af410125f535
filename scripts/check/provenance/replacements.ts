import { type FieldPath, isMap, type Json, type JsonMap, maps, text, valueAt } from '../model.ts';
import type { Names, Subject } from './touches.ts';

/** The field paths of Kustomize's `replacements` that lead to a field: `spec.template.spec.containers.[name=web].image`. */
export function replacementPathMatches(fieldPath: string, path: FieldPath, object: Json): boolean {
  const steps = fieldPath.match(/\[[^\]]*\]|(?:\\.|[^.[\]])+/g) ?? [];
  return (
    steps.length === path.length &&
    steps.every((raw, index) => {
      const step = raw.replaceAll('\\.', '.');
      const key = /^\[(.*)=(.*)\]$/.exec(step);
      const item = valueAt(object, path.slice(0, index + 1));
      return key === null
        ? step === '*' || String(path[index]) === step
        : isMap(item) && String(item[key[1] ?? '']) === key[2];
    })
  );
}

/** The entries of `replacements` that select an object, as [index of the entry, index of the target, field path]. */
export function replacementTargets(
  entry: JsonMap,
  { object }: Subject,
  names: Names,
): { target: number; field: number; fieldPath: string }[] {
  return maps(entry.targets).flatMap((target, index) => {
    const select = isMap(target.select) ? target.select : {};
    const chosen = Object.entries(select).every(([field, wanted]) =>
      field === 'kind'
        ? wanted === object.id.kind
        : field !== 'name' || [names.original, names.current].includes(text(wanted)),
    );
    const paths = Array.isArray(target.fieldPaths) ? target.fieldPaths : [];
    return chosen
      ? paths.map((fieldPath, field) => ({ target: index, field, fieldPath: text(fieldPath) }))
      : [];
  });
}
