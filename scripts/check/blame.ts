import { stat } from 'node:fs/promises';
import { readKustomization } from './kustomization.ts';
import { isMap, maps, type Place, type RenderedObject, text, type Violation, valueAt } from './model.ts';
import type { YamlFile, YamlFiles } from './yaml-files.ts';

/**
 * The file and line to edit: the overlay's `replicas` entry where that sets the number, else the object in the file
 * it was read from, at the field or the nearest part of its path that is there. Patches are not followed yet.
 */
export async function blame({ object, path }: Violation, files: YamlFiles): Promise<Place> {
  if (path.join('.') === 'spec.replicas' && 'dir' in object.target) {
    const kustomization = await readKustomization(object.target.dir, files);
    const entries = maps(kustomization?.value.replicas);
    const index = entries.findIndex((entry) => entry.name === object.id.name);
    if (kustomization !== undefined && index >= 0) {
      const { line } = kustomization.file.locate(0, ['replicas', index, 'count']);
      return { file: kustomization.file.path, line };
    }
  }
  if ((await stat(object.source)).isDirectory()) {
    return { file: object.source };
  }
  const file = await files.read(object.source);
  const index = documentOf(object, file);
  if (index === undefined) {
    return { file: object.source };
  }
  const names = path.map((step, at) => {
    const item = typeof step === 'number' ? valueAt(object.value, path.slice(0, at + 1)) : undefined;
    return isMap(item) && typeof item.name === 'string' ? item.name : undefined;
  });
  return { file: object.source, line: file.locate(index, path, names).line };
}

/** A transformer may have renamed the object: then its kind must do, where it is the only one of it. */
function documentOf({ id }: RenderedObject, file: YamlFile): number | undefined {
  const ids = file.values().map((value) => {
    const metadata = isMap(value) && isMap(value.metadata) ? value.metadata : {};
    return { kind: isMap(value) ? text(value.kind) : '', name: text(metadata.name) };
  });
  const exact = ids.findIndex(({ kind, name }) => kind === id.kind && name === id.name);
  if (exact >= 0) {
    return exact;
  }
  const ofKind = ids.flatMap(({ kind }, index) => (kind === id.kind ? [index] : []));
  return ofKind.length === 1 ? ofKind[0] : undefined;
}
