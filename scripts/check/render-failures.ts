import type { Kustomization } from './kustomization.ts';
import { type FieldPath, isMap, maps, type Place, text } from './model.ts';
import { patchesOf } from './provenance/patches.ts';
import { replacementsOf } from './provenance/replacements.ts';
import type { YamlFile, YamlFiles } from './yaml/yaml-files.ts';

/**
 * The entry that Kustomize's error is about: the generator, the patch, its operation or the replacement's field that it
 * names. The first line of the tree's own kustomization where it names none. The file is absolute.
 */
export async function failurePlace(
  tree: Kustomization[],
  error: string,
  files: YamlFiles,
): Promise<Place | undefined> {
  // What a replacement names is named by generators and patches too, and not the other way round.
  for (const find of [namedReplacement, namedPatch, namedGenerator]) {
    for (const kustomization of tree) {
      const place = await find(kustomization, error, files);
      if (place !== undefined) {
        return place;
      }
    }
  }
  const [own] = tree;
  return own && { file: own.file.path, line: 1 };
}

async function namedReplacement(
  kustomization: Kustomization,
  error: string,
  files: YamlFiles,
): Promise<Place | undefined> {
  for (const { file, document, at, entry } of await replacementsOf(kustomization, files)) {
    const line = (path: FieldPath) => ({
      file: file.path,
      line: file.locate(document, [...at, ...path]).line,
    });
    const { kind, name, fieldPath } = isMap(entry.source) ? entry.source : {};
    const isUnmatched = error.startsWith('nothing selected') && names(error, text(kind));
    if (names(error, text(fieldPath)) || (isUnmatched && names(error, text(name)))) {
      return line(['source']);
    }
    for (const [target, { fieldPaths }] of maps(entry.targets).entries()) {
      const field = Array.isArray(fieldPaths) ? fieldPaths.findIndex((said) => names(error, text(said))) : -1;
      if (field >= 0) {
        return line(['targets', target, 'fieldPaths', field]);
      }
    }
  }
  return undefined;
}

async function namedPatch(
  kustomization: Kustomization,
  error: string,
  files: YamlFiles,
): Promise<Place | undefined> {
  for (const { text: patch } of await patchesOf(kustomization, files)) {
    const line = patch && namedInPatch(patch, error);
    if (patch !== undefined && line !== undefined) {
      return { file: patch.path, line };
    }
  }
  return undefined;
}

function namedGenerator({ file, value }: Kustomization, error: string): Place | undefined {
  for (const field of ['configMapGenerator', 'secretGenerator']) {
    const index = maps(value[field]).findIndex(({ name }) => names(error, text(name)));
    if (index >= 0) {
      return { file: file.path, line: file.locate(0, [field, index]).line };
    }
  }
  return undefined;
}

/** The line of the document whose object, or of the operation whose path, the error names. */
function namedInPatch(patch: YamlFile, error: string): number | undefined {
  for (const [index, value] of patch.values().entries()) {
    const operation = maps(value).findIndex((one) => names(error, text(one.path)));
    if (operation >= 0) {
      return patch.locate(index, [operation, 'path']).line;
    }
    const metadata = isMap(value) && isMap(value.metadata) ? value.metadata : {};
    if (isMap(value) && names(error, text(value.kind)) && names(error, text(metadata.name))) {
      return patch.locate(index, ['metadata', 'name']).line;
    }
  }
  return undefined;
}

function names(error: string, name: string): boolean {
  return name !== '' && new RegExp(`(?<![\\w-])${RegExp.escape(name)}(?![\\w-])`).test(error);
}
