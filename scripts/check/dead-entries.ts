import { readFile } from 'node:fs/promises';
import { releasesIn, upstreamFile } from '../upstream-manifests.ts';
import type { Kustomization } from './kustomization.ts';
import { manifestsIn } from './manifests.ts';
import { type FieldPath, isMap, type Json, maps, type RenderedObject, type Target, text } from './model.ts';
import { patchesOf, selectsObject } from './provenance/patches.ts';
import { nameInSource } from './provenance/provenance.ts';
import { replacementsOf } from './provenance/replacements.ts';
import { type Render, renderedObject } from './render.ts';
import type { SourceFinding } from './sources.ts';
import { reachable } from './tree.ts';
import type { YamlFile, YamlFiles } from './yaml/yaml-files.ts';

/**
 * Entries of `patches` and `images`, and targets of `replacements`, that change nothing in any render that reads them:
 * Kustomize passes over them without a word. A kustomization of a render that failed is not judged.
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
    const sources = await sourceObjects(target, tree, files);
    const rendered = new Set(objects.map((object, at) => sourceKey(object, names[at] ?? '')));
    // What a patch deleted was there for the patches before it, and for that one.
    const deleted = sources.filter((object) => !rendered.has(sourceKey(object, object.id.name)));
    const images = await imageNames([...objects, ...sources], tree, files);
    const judge = (
      { file, document, at }: { file: YamlFile; document: number; at: FieldPath },
      matches: boolean,
      message: string,
    ) => {
      // A patch in place has its lines in the kustomization's file, and no place of its own is like another's.
      const { line } = file.locate(document, at);
      const key = JSON.stringify([file.path, line, at]);
      if (matches || error !== undefined) {
        alive.add(key);
      } else {
        dead.set(key, { rule: 'dead-entry', file: file.path, line, message });
      }
    };
    const selectsAny = (selector: Json, rejected: Json[]) =>
      objects.some((object, at) => {
        const called = { original: names[at] ?? '', current: object.id.name };
        return (
          selectsObject(selector, object, called) &&
          !rejected.some((reject) => selectsObject(reject, object, called))
        );
      }) || deleted.some((object) => couldSelect(selector, object));
    for (const kustomization of tree) {
      const { file, value } = kustomization;
      for (const { target: selector, ...patch } of await patchesOf(kustomization, files)) {
        if (selector !== undefined) {
          judge(
            patch,
            selectsAny(renderedSelector(selector, patch.changesKind), []),
            'this patch matches no object',
          );
        }
      }
      for (const [index, { name }] of maps(value.images).entries()) {
        const place = { file, document: 0, at: ['images', index] };
        judge(place, images.has(text(name)), `no container has the image ${text(name)}`);
      }
      for (const { at, entry, ...rest } of await replacementsOf(kustomization, files)) {
        for (const [index, { select, reject }] of maps(entry.targets).entries()) {
          const matches = select === undefined || selectsAny(select, maps(reject));
          const place = { ...rest, at: [...at, 'targets', index] };
          judge(place, matches, "this replacement's target selects no object");
        }
      }
    }
  }
  return [...dead].filter(([key]) => !alive.has(key)).map(([, finding]) => finding);
}

/** The objects as the files of a tree have them, and as its generators name them, before anything is done to them. */
async function sourceObjects(
  target: Target,
  tree: Kustomization[],
  files: YamlFiles,
): Promise<RenderedObject[]> {
  const found: RenderedObject[] = [];
  const add = (source: string, value: Json) => {
    if (isMap(value)) {
      found.push(renderedObject(target, value, source));
    }
  };
  for (const { file, value, references } of tree) {
    for (const { to } of references.filter(({ kind, field }) => kind === 'file' && field === 'resources')) {
      for (const manifest of manifestsIn(await files.read(to))) {
        add(to, manifest.value);
      }
    }
    for (const [field, kind] of Object.entries({
      configMapGenerator: 'ConfigMap',
      secretGenerator: 'Secret',
    })) {
      for (const { name = null } of maps(value[field])) {
        add(file.path, { apiVersion: 'v1', kind, metadata: { name } });
      }
    }
  }
  return found;
}

function sourceKey({ id, source }: RenderedObject, name: string): string {
  return [source, id.kind, name].join('\0');
}

/** What a patch's target selects once the patch is applied: it may have given the object another kind. */
function renderedSelector(selector: Json, changesKind: boolean): Json {
  return changesKind && isMap(selector)
    ? Object.fromEntries(Object.entries(selector).filter(([field]) => field !== 'kind'))
    : selector;
}

/** Whether a patch's target may have been an object that is no more: how the layers had changed it is not known. */
function couldSelect(selector: Json, object: RenderedObject): boolean {
  const { name } = object.id;
  const said = Object.entries(isMap(selector) ? selector : {}).filter(([field, wanted]) =>
    // A prefix or suffix may stand in the target's name too.
    field === 'name' ? !text(wanted).includes(name) : ['group', 'version', 'kind'].includes(field),
  );
  return selectsObject(Object.fromEntries(said), object, { original: name, current: name });
}

/** What images are called before, between and after the `images` of a tree. */
async function imageNames(
  objects: RenderedObject[],
  tree: Kustomization[],
  files: YamlFiles,
): Promise<Set<string>> {
  const names = new Set<string>();
  const add = (image: string) => names.add(image.replace(/@.*$/, '').replace(/:[^:/]*$/, ''));
  const collect = (value: unknown): void => {
    for (const [key, field] of typeof value === 'object' && value !== null ? Object.entries(value) : []) {
      if (key === 'image' && typeof field === 'string') {
        add(field);
      } else {
        collect(field);
      }
    }
  };
  const collectPatch = (patch: YamlFile | undefined) => {
    for (const value of patch?.values() ?? []) {
      collect(value);
      for (const operation of maps(value).filter((one) => text(one.path).endsWith('/image'))) {
        add(text(operation.value));
      }
    }
  };
  collect(objects.map(({ value }) => value));
  for (const { value, references } of tree) {
    const releases = references.flatMap(({ to }) => releasesIn(to));
    for (const { manifest } of maps(value.images).length > 0 ? releases : []) {
      // As text: to parse a megabyte would take longer than the rest of the check.
      const upstream = await readFile(await upstreamFile(manifest), 'utf8');
      for (const [, image = ''] of upstream.matchAll(/^[ -]+image: ["']?([^\s"']+)/gm)) {
        add(image);
      }
    }
  }
  for (const kustomization of tree) {
    for (const { newName } of maps(kustomization.value.images)) {
      names.add(text(newName));
    }
    // A patch may bring an image of its own.
    for (const { text: patch } of await patchesOf(kustomization, files)) {
      collectPatch(patch);
    }
  }
  return names;
}
