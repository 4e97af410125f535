import { existsSync, statSync } from 'node:fs';
import path from 'node:path';
import { type FieldPath, isMap, type JsonMap, maps, text, valueAt } from './model.ts';
import type { YamlFile, YamlFiles } from './yaml/yaml-files.ts';

/** The names Kustomize looks for, in `konfig.RecognizedKustomizationFileNames`. */
const fileNames = ['kustomization.yaml', 'kustomization.yml', 'Kustomization'];

/** One path that a kustomization names, and the steps to where it does. */
export type Reference = {
  kind: 'kustomization' | 'file' | 'missing' | 'remote' | 'outside';
  /** An absolute path, or the URL of a remote one. */
  to: string;
  field: string;
  at: FieldPath;
  /** What names it, where that is not the kustomization itself but a plug-in of it. */
  by?: { file: YamlFile; document: number };
};

/** A kustomization.yaml as it stands: not yet vouched for by its schema, so fields are read with care. */
export type Kustomization = {
  dir: string;
  file: YamlFile;
  value: JsonMap;
  isComponent: boolean;
  references: Reference[];
};

/** The kustomization file of a folder, undefined when it has none. */
export function kustomizationFile(dir: string): string | undefined {
  return fileNames.map((name) => path.join(dir, name)).find((file) => existsSync(file));
}

/** Whether Kustomize reads a file of this name as a kustomization. */
export function isKustomizationFile(file: string): boolean {
  return fileNames.includes(path.basename(file));
}

const known = new WeakMap<YamlFiles, Map<string, Promise<Kustomization | undefined>>>();

/** Reads a folder's kustomization; undefined when it has none or its file is not one YAML map. */
export function readKustomization(dir: string, files: YamlFiles): Promise<Kustomization | undefined> {
  const before = known.get(files) ?? new Map<string, Promise<Kustomization | undefined>>();
  known.set(files, before);
  const found = before.get(dir) ?? parseKustomization(dir, files);
  before.set(dir, found);
  return found;
}

async function parseKustomization(dir: string, files: YamlFiles): Promise<Kustomization | undefined> {
  const name = kustomizationFile(dir);
  if (name === undefined || !files.holds(name)) {
    return undefined;
  }
  const file = await files.read(name);
  const value = file.values()[0];
  if (!isMap(value)) {
    return undefined;
  }
  const references = referencedPaths(value).map(({ path: named, at }) => ({
    ...referenceTo(dir, named, files),
    field: at.filter((step) => typeof step === 'string').join('.'),
    at,
  }));
  return { dir, file, value, isComponent: value.kind === 'Component', references };
}

/**
 * On a kustomization of base/ that nothing lists: the one in whose place an overlay may list it, such as ../postgres,
 * or the one beside which, such as `..`. It is checked like one that is listed.
 */
const choices = [
  { annotation: 'quotes.check/instead-of', relation: 'stands in for' },
  { annotation: 'quotes.check/besides', relation: 'goes with' },
] as const;

/** What an overlay may list for itself: how it is to another folder, by its absolute path, and where it says so. */
type Choice = { other: string; relation: (typeof choices)[number]['relation']; at: FieldPath };

/** What a kustomization says of how an overlay may list it, undefined where it says nothing of that. */
export function choiceOf({ dir, value }: Kustomization): Choice | undefined {
  return choices
    .map(({ annotation, relation }) => ({ relation, at: ['metadata', 'annotations', annotation] }))
    .map(({ relation, at }) => ({ relation, at, said: text(valueAt(value, at)) }))
    .filter(({ said }) => said !== '')
    .map(({ relation, at, said }) => ({ other: path.resolve(dir, said), relation, at }))[0];
}

type Named = { path: string; at: FieldPath };

const pathLists = [
  'resources',
  'components',
  'bases',
  'crds',
  'configurations',
  'generators',
  'transformers',
  'validators',
];

function referencedPaths(value: JsonMap): Named[] {
  const found: Named[] = [];
  const add = (name: unknown, at: FieldPath) => {
    // Generators and transformers may stand in place, as YAML.
    if (typeof name === 'string' && name !== '' && !name.includes('\n') && !name.startsWith('{')) {
      found.push({ path: name, at });
    }
  };
  const addList = (list: unknown, at: FieldPath) => {
    for (const [index, name] of (Array.isArray(list) ? list : []).entries()) {
      add(name, [...at, index]);
    }
  };
  // Kustomize reads what it calls deprecated too, so these must be known even though the check refuses them.
  for (const field of [...pathLists, 'patchesStrategicMerge']) {
    addList(value[field], [field]);
  }
  for (const field of ['patches', 'patchesJson6902', 'replacements']) {
    for (const [index, entry] of maps(value[field]).entries()) {
      add(entry.path, [field, index, 'path']);
    }
  }
  for (const field of ['configMapGenerator', 'secretGenerator']) {
    for (const [index, entry] of maps(value[field]).entries()) {
      // `files` entries may be KEY=PATH.
      const paths = (Array.isArray(entry.files) ? entry.files : []).map((name) =>
        text(name).replace(/^[^=]*=/, ''),
      );
      addList(paths, [field, index, 'files']);
      addList(entry.envs, [field, index, 'envs']);
      add(entry.env, [field, index, 'env']);
    }
  }
  if (isMap(value.openapi)) {
    add(value.openapi.path, ['openapi', 'path']);
  }
  return found;
}

/** What a path that stands in a kustomization, or in a plug-in of it, leads to. */
export function referenceTo(dir: string, name: string, files: YamlFiles): Pick<Reference, 'kind' | 'to'> {
  if (/^[a-z+]+:\/\/|^git@|^github\.com\/|\?(ref|version)=/.test(name)) {
    return { kind: 'remote', to: name };
  }
  const to = path.resolve(dir, name);
  const found = statOf(to);
  if (found === undefined || (found.isDirectory() && kustomizationFile(to) === undefined)) {
    return { kind: 'missing', to };
  }
  if (!files.holds(to)) {
    return { kind: 'outside', to };
  }
  return { kind: found.isDirectory() ? 'kustomization' : 'file', to };
}

/** The file and line that names what a reference leads to. */
export function referencePlace(
  { file }: Kustomization,
  { at, by }: Reference,
): { file: string; line: number } {
  const { file: own, document } = by ?? { file, document: 0 };
  return { file: own.path, line: own.locate(document, at).line };
}

/** Undefined too for a link that leads in a circle. */
function statOf(path: string) {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}
