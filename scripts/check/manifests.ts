import { type FieldPath, isMap, type Json } from './model.ts';
import type { YamlFile } from './yaml/yaml-files.ts';

/** One manifest of a file: a document, or an item of a List, and where in the document it stands. */
export type Manifest = { document: number; at: FieldPath; value: Json };

/** The manifests of a file. As to kubectl and Kustomize, a document whose kind ends with List stands for its items. */
export function manifestsIn(file: YamlFile): Manifest[] {
  return file.values().flatMap((value, document): Manifest[] => {
    const isList = isMap(value) && typeof value.kind === 'string' && value.kind.endsWith('List');
    return isList && Array.isArray(value.items)
      ? value.items.map((item, index) => ({ document, at: ['items', index], value: item }))
      : [{ document, at: [], value }];
  });
}
