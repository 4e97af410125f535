import { RE2JS } from 're2js';
import { type Kustomization, referencePlace } from './kustomization.ts';
import { manifestsIn } from './manifests.ts';
import { type FieldPath, isMap, type Json, type JsonMap, maps, type Place, text, valueAt } from './model.ts';
import { pluginsOf } from './plugins.ts';
import { patchesOf } from './provenance/patches.ts';
import { replacementsOf } from './provenance/replacements.ts';
import type { YamlFile, YamlFiles } from './yaml/yaml-files.ts';

const generatorFields = ['configMapGenerator', 'secretGenerator'];

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
  for (const find of [
    namedReference,
    namedEntry,
    namedSource,
    namedPlugin,
    namedReplacement,
    namedPatch,
    namedGenerator,
    namedField,
  ]) {
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

/** What is wrong with a file or folder that is listed: the manifest in it, or the last line that lists it. */
async function namedReference(
  kustomization: Kustomization,
  error: string,
  files: YamlFiles,
): Promise<Place | undefined> {
  const isAbout = /accumulat|merging|candidate root|for path/.test(error);
  const quotes = (path: string) => new RegExp(`'${RegExp.escape(path)}(?:'|$)`).test(error);
  const named = kustomization.references.findLast(({ to }) => isAbout && quotes(to));
  return named?.kind === 'file' && named.field === 'resources'
    ? manifestPlace(await files.read(named.to), error)
    : named && referencePlace(kustomization, named);
}

/** The manifest of a file that an error is about: by Kustomize's id of it, or by what it lacks. */
function manifestPlace(file: YamlFile, error: string): Place {
  const [, kind, name] = /(\w+)\.v\w+\.\S+?\/([\w.-]+)\.\[/.exec(error) ?? [];
  const lacks = /missing (metadata\.name|kind)/.exec(error)?.[1];
  const found = manifestsIn(file).find(({ value }) =>
    lacks === undefined
      ? isMap(value) && value.kind === kind && valueAt(value, ['metadata', 'name']) === name
      : text(valueAt(value, lacks.split('.'))) === '',
  );
  const at = found === undefined ? [] : [...found.at, 'metadata', ...(lacks === undefined ? ['name'] : [])];
  return { file: file.path, line: file.locate(found?.document ?? 0, at).line };
}

/** The entry of `replicas` whose name nothing has. */
function namedEntry({ file, value }: Kustomization, error: string): Place | undefined {
  const [, name] = /^resource with name (\S+) does not match/.exec(error) ?? [];
  const index = maps(value.replicas).findIndex((entry) => entry.name === name);
  return index < 0 ? undefined : { file: file.path, line: file.locate(0, ['replicas', index]).line };
}

/** The list of a generator that Kustomize quotes as it reads it, with brackets around it and spaces between. */
function namedSource({ file, value }: Kustomization, error: string): Place | undefined {
  for (const field of generatorFields) {
    for (const [index, entry] of maps(value[field]).entries()) {
      const list = ['literals', 'files', 'envs'].find((name) => {
        const said = Array.isArray(entry[name]) ? entry[name] : [];
        return said.length > 0 && sourcesSaid(error).includes(said.join(' '));
      });
      if (list !== undefined) {
        return { file: file.path, line: file.locate(0, [field, index, list]).line };
      }
    }
  }
  return undefined;
}

function sourcesSaid(error: string): string[] {
  return [...error.matchAll(/sources: ?\[([^\]]*)\]|sources \[([^\]]*)\]/g)].map(
    ([, one, other]) => one ?? other ?? '',
  );
}

async function namedPlugin(
  kustomization: Kustomization,
  error: string,
  files: YamlFiles,
): Promise<Place | undefined> {
  const [, kind, name] = /^plugin (\w+)\.builtin\.\[noGrp\]\/([\w.-]+)\.\[/.exec(error) ?? [];
  for (const field of ['transformers', 'generators'] as const) {
    for (const plugin of await pluginsOf(kustomization, field, files)) {
      if (plugin.kind === kind && valueAt(plugin.value, ['metadata', 'name']) === name) {
        return { file: plugin.file.path, line: plugin.file.documentLine(plugin.document) };
      }
    }
  }
  return undefined;
}

/** A field of the kustomization itself that Kustomize does not know, or whose type is another. */
function namedField({ file, value }: Kustomization, error: string): Place | undefined {
  const [, unknown] = /unknown field "([^"]+)"/.exec(error) ?? [];
  const [, typed] = /Go struct field \w+\.(\w+)/.exec(error) ?? [];
  const field = unknown ?? typed;
  const at = field === undefined ? undefined : pathOf(value, field);
  return at && { file: file.path, line: file.locate(0, at).line };
}

/** The path of the first key of a name. */
function pathOf(value: Json, key: string): FieldPath | undefined {
  for (const [step, inside] of Array.isArray(value)
    ? value.entries()
    : Object.entries(isMap(value) ? value : {})) {
    if (step === key) {
      return [step];
    }
    const below = pathOf(inside, key);
    if (below !== undefined) {
      return [step, ...below];
    }
  }
  return undefined;
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
  const patches = await patchesOf(kustomization, files);
  const unread = patches.find(({ at, target, isPlugin }) => {
    const said = isPlugin ? '' : quoted(kustomization.value, at);
    return (said !== '' && error.includes(said)) || (error.includes('parsing regexp') && isBroken(target));
  });
  if (unread !== undefined) {
    return { file: unread.file.path, line: unread.file.locate(unread.document, unread.at).line };
  }
  for (const { text: patch } of patches) {
    const line = patch && namedInPatch(patch, error);
    if (patch !== undefined && line !== undefined) {
      return { file: patch.path, line };
    }
  }
  return undefined;
}

function namedGenerator({ file, value }: Kustomization, error: string): Place | undefined {
  for (const field of generatorFields) {
    const index = maps(value[field]).findIndex(({ name }) => names(error, text(name)));
    if (index >= 0) {
      return { file: file.path, line: file.locate(0, [field, index]).line };
    }
  }
  return undefined;
}

/** A patch as Kustomize quotes it when it cannot read it. */
function quoted(value: JsonMap, at: FieldPath): string {
  const entry = valueAt(value, at);
  const patch = isMap(entry) ? text(entry.patch).trim() : '';
  const path = isMap(entry) ? text(entry.path) : '';
  return patch !== '' ? `patch: ${JSON.stringify(patch)}` : path !== '' ? `[path: "${path}"]` : '';
}

/** Whether a patch's target has a pattern that is none. */
function isBroken(target: Json | undefined): boolean {
  return Object.values(isMap(target) ? target : {}).some((pattern) => {
    try {
      RE2JS.compile(text(pattern));
      return false;
    } catch {
      return true;
    }
  });
}

const operations = ['add', 'remove', 'replace', 'move', 'copy', 'test'];

/** The line of the document whose object, or of the operation whose path, the error names. */
function namedInPatch(patch: YamlFile, error: string): number | undefined {
  for (const [index, value] of patch.values().entries()) {
    const unknown = maps(value).findIndex(
      ({ op }) => !operations.includes(text(op)) && error.includes(`Unexpected kind: ${text(op)}`),
    );
    if (unknown >= 0) {
      return patch.locate(index, [unknown, 'op']).line;
    }
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
