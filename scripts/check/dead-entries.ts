import { reachable } from './kustomization.ts';
import { isMap, type JsonMap, maps, type RenderedObject, text } from './model.ts';
import { selectsObject } from './provenance/patches.ts';
import { nameInSource } from './provenance/provenance.ts';
import type { Render } from './render.ts';
import type { SourceFinding } from './sources.ts';
import type { YamlFiles } from './yaml/yaml-files.ts';

/**
 * Entries of `patches` and `images` that change nothing in any render that reads them: Kustomize passes over both
 * without a word. A kustomization of a render that failed is not judged.
 */
export async function deadEntryFindings(renders: Render[], files: YamlFiles): Promise<SourceFinding[]> {
  const dead = new Map<string, SourceFinding>();
  const alive = new Set<string>();
  for (const { target, objects, error } of renders) {
    if (!('dir' in target)) {
      continue;
    }
    const tree = await reachable(target.dir, files);
    const names = await Promise.all(objects.map((object) => nameInSource(object, files)));
    const images = await imageNames(
      objects,
      tree.map(({ value }) => value),
      files,
    );
    for (const { file, value } of tree) {
      const judge = (field: 'patches' | 'images', index: number, matches: boolean, message: string) => {
        const key = `${file.path} ${field} ${index}`;
        if (matches || error !== undefined) {
          alive.add(key);
        } else {
          dead.set(key, {
            rule: 'dead-entry',
            file: file.path,
            line: file.locate(0, [field, index]).line,
            message,
          });
        }
      };
      for (const [index, { target: selector }] of maps(value.patches).entries()) {
        if (selector !== undefined) {
          const matches = objects.some((object, at) =>
            selectsObject(selector, object, { original: names[at] ?? '', current: object.id.name }),
          );
          judge('patches', index, matches, 'this patch matches no object');
        }
      }
      for (const [index, { name }] of maps(value.images).entries()) {
        judge('images', index, images.has(text(name)), `no container has the image ${text(name)}`);
      }
    }
  }
  return [...dead].filter(([key]) => !alive.has(key)).map(([, finding]) => finding);
}

/** What images are called before, between and after the `images` of a tree. */
async function imageNames(
  objects: RenderedObject[],
  tree: JsonMap[],
  files: YamlFiles,
): Promise<Set<string>> {
  const names = new Set<string>();
  const collect = (value: unknown): void => {
    for (const [key, field] of typeof value === 'object' && value !== null ? Object.entries(value) : []) {
      if (key === 'image' && typeof field === 'string') {
        names.add(field.replace(/@.*$/, '').replace(/:[^:/]*$/, ''));
      } else {
        collect(field);
      }
    }
  };
  for (const source of new Set(objects.map(({ source }) => source))) {
    if (/\.ya?ml$/.test(source)) {
      (await files.read(source)).values().forEach(collect);
    }
  }
  objects.forEach(({ value }) => {
    collect(value);
  });
  for (const value of tree) {
    for (const { newName } of maps(value.images)) {
      names.add(text(newName));
    }
    // A patch may bring an image of its own.
    for (const { patch } of maps(value.patches).filter(isMap)) {
      for (const [, image] of text(patch).matchAll(/image: *["']?([^\s"'@]+)/g)) {
        names.add((image ?? '').replace(/:[^:/]*$/, ''));
      }
    }
  }
  return names;
}
