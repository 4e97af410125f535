import { type Manifest, manifestsIn } from '../manifests.ts';
import type { FieldPath, Json, JsonMap, Place, RenderedObject } from '../model.ts';
import { isMap, text } from '../model.ts';
import type { YamlFile } from '../yaml/yaml-files.ts';

/** The field a finding is about, in the object as it was rendered. */
export type Subject = { object: RenderedObject; path: FieldPath; value: Json | undefined };

/**
 * Where one source, patch or transformer says something of a field: how many of the path's steps it writes out, and
 * what it writes there. `removes`: it takes the field away. `copies`: from where it has what it writes, by Kustomize's
 * steps, of the one object of that kind where the name is ''. `file` is absolute.
 */
export type Touch = Required<Place> & {
  depth: number;
  value: Json | undefined;
  removes: boolean;
  copies?: { kind: string; name: string; steps: string[] };
};

/** What a kustomization calls an object: as its file does, and as the layers so far have renamed it. */
export type Names = { original: string; current: string };

/** What a manifest of a file that writes the object out, or a part of it, says of the field. */
export function manifestTouch(
  { object, path }: Subject,
  file: YamlFile,
  { document, at }: Pick<Manifest, 'document' | 'at'>,
): Touch {
  const items: Json[] = [];
  items[Number(at[1] ?? 0)] = object.value;
  const like = at.length === 0 ? object.value : { items };
  const { line, column, depth, value } = file.locate(document, [...at, ...path], like);
  const own = Math.max(depth - at.length, 0);
  const whole = own === path.length;
  const removed = value === null || (isMap(value) && text(value.$patch) === 'delete');
  return { file: file.path, line, column, depth: own, value: whole ? value : undefined, removes: removed };
}

/** A touch of the whole field by a line of a kustomization, or of a plug-in's document. */
export function fieldTouch(
  subject: Subject,
  file: YamlFile,
  at: FieldPath,
  value?: Json,
  document = 0,
): Touch {
  const { line, column } = file.locate(document, at);
  return { file: file.path, line, column, depth: subject.path.length, value, removes: false };
}

const manifests = new WeakMap<YamlFile, Map<string, Manifest[]>>();

/** The manifests of a file that have a kind and a name. */
function manifestsNamed(file: YamlFile, kind: string, name: string): Manifest[] {
  const known =
    manifests.get(file) ??
    Map.groupBy(manifestsIn(file), ({ value }) =>
      isMap(value) ? `${text(value.kind)} ${metadataOf(value).name}` : '',
    );
  manifests.set(file, known);
  return known.get(`${kind} ${name}`) ?? [];
}

/** The manifest that writes an object out, or that is a patch to it, by kind and name; its own namespace first. */
export function manifestOf(file: YamlFile, { id }: RenderedObject, names: Names): Manifest | undefined {
  const candidates = new Set([names.original, names.current, id.name]);
  const found = [...candidates].flatMap((name) => manifestsNamed(file, id.kind, name));
  return found.find(({ value }) => isMap(value) && metadataOf(value).namespace === id.namespace) ?? found[0];
}

function metadataOf({ metadata }: JsonMap): { name: string; namespace: string } {
  return isMap(metadata)
    ? { name: text(metadata.name), namespace: text(metadata.namespace) }
    : { name: '', namespace: '' };
}

/** Whether a document is a patch to the object, by kind and name. */
export function isOf({ object }: Subject, names: Names, value: Json | undefined): value is JsonMap {
  return (
    isMap(value) &&
    text(value.kind) === object.id.kind &&
    [names.original, names.current, object.id.name].includes(metadataOf(value).name)
  );
}
