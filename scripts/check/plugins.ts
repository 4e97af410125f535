import { type Kustomization, type Reference, readKustomization, referenceTo } from './kustomization.ts';
import { type FieldPath, isMap, type JsonMap, maps, text } from './model.ts';
import { pluginKinds } from './own-formats/own-formats.ts';
import type { YamlFile, YamlFiles } from './yaml/yaml-files.ts';

/** The configuration of one of Kustomize's transformers or generators, in a file of its own or in place. */
export type Plugin = { file: YamlFile; document: number; kind: string; value: JsonMap };

/** Where a kustomization lists plug-ins that the check lets Kustomize run. */
const pluginFields = ['transformers', 'generators'] as const;

type Listed = { file: YamlFile; document: number; value: unknown };

/**
 * The plug-ins that a kustomization lists under a field, in the order in which they are run. What is none of
 * Kustomize's own is left out: `foreignPlugins` has that.
 */
export async function pluginsOf(
  kustomization: Kustomization,
  field: (typeof pluginFields)[number],
  files: YamlFiles,
): Promise<Plugin[]> {
  const { listed } = await listedPlugins(kustomization, field, files);
  return listed.flatMap(({ file, document, value }) =>
    isMap(value) && isBuiltin(field, value) ? [{ file, document, kind: text(value.kind), value }] : [],
  );
}

/** What a kustomization has Kustomize run that the check does not: it would run a program, or is not known to it. */
export async function foreignPlugins(
  kustomization: Kustomization,
  files: YamlFiles,
): Promise<{ file: YamlFile; document: number; message: string }[]> {
  const found: { file: YamlFile; document: number; message: string }[] = [];
  if (kustomization.value.validators !== undefined) {
    const message = 'validators are programs, which the check does not run';
    found.push({ file: kustomization.file, document: 0, message });
  }
  for (const field of pluginFields) {
    const { listed, derived } = await listedPlugins(kustomization, field, files);
    for (const { file, document, value } of listed) {
      if (!isMap(value) || !isBuiltin(field, value)) {
        const kind = isMap(value) ? text(value.kind) : '';
        const named = `${kind || '(no kind)'} of ${(isMap(value) && text(value.apiVersion)) || '(no apiVersion)'}`;
        const own = [...pluginKinds(field)].join(', ');
        const message = `${named} is none of the ${field} that the check lets Kustomize run: builtin ${own}`;
        found.push({ file, document, message });
      }
    }
    for (const { file } of derived) {
      const message = `a folder under ${field} may have resources alone: the check reads them as they are written`;
      found.push({ file, document: 0, message });
    }
  }
  return found;
}

function isBuiltin(field: (typeof pluginFields)[number], value: JsonMap): boolean {
  return value.apiVersion === 'builtin' && pluginKinds(field).has(text(value.kind));
}

/** What stands under a field, in files, in folders below it and in place; `derived`: folders that change what they list. */
async function listedPlugins(
  { file, value, references }: Kustomization,
  field: string,
  files: YamlFiles,
): Promise<{ listed: Listed[]; derived: Kustomization[] }> {
  const listed: Listed[] = [];
  const derived: Kustomization[] = [];
  const seen = new Set<string>();
  const addFile = (from: YamlFile | undefined) => {
    for (const [document, found] of (from?.values() ?? []).entries()) {
      listed.push({ file: from ?? file, document, value: found });
    }
  };
  const addReference = async ({ kind, to }: Reference): Promise<void> => {
    if (kind === 'file') {
      addFile(await files.read(to));
    } else if (kind === 'kustomization' && !seen.has(to)) {
      seen.add(to);
      const nested = await readKustomization(to, files);
      const allowed = ['apiVersion', 'kind', 'metadata', 'resources'];
      if (nested !== undefined && Object.keys(nested.value).some((key) => !allowed.includes(key))) {
        derived.push(nested);
      }
      for (const reference of nested?.references ?? []) {
        await addReference(reference);
      }
    }
  };
  for (const [index, entry] of (Array.isArray(value[field]) ? value[field] : []).entries()) {
    const at: FieldPath = [field, index];
    const reference = references.find((found) => found.at[0] === field && found.at[1] === index);
    if (reference !== undefined) {
      await addReference(reference);
    } else if (typeof entry === 'string') {
      addFile(file.inner(0, at));
    }
  }
  return { listed, derived };
}

/** The paths that a kustomization's plug-ins name, which Kustomize reads relative to the kustomization. */
export async function pluginReferences(kustomization: Kustomization, files: YamlFiles): Promise<Reference[]> {
  const found: Reference[] = [];
  for (const field of pluginFields) {
    for (const plugin of await pluginsOf(kustomization, field, files)) {
      for (const { path, at, as } of namedPaths(plugin)) {
        const { file, document } = plugin;
        found.push({ ...referenceTo(kustomization.dir, path, files), field: as, at, by: { file, document } });
      }
    }
  }
  return found;
}

type Named = { path: string; at: FieldPath; as: string };

function namedPaths({ kind, value }: Plugin): Named[] {
  const as = kind.startsWith('Patch') ? 'patches' : kind;
  const named = (one: unknown, at: FieldPath): Named[] =>
    typeof one === 'string' && one !== '' && !one.includes('\n') ? [{ path: one, at, as }] : [];
  const each = (field: string, change = (one: string) => one): Named[] =>
    (Array.isArray(value[field]) ? value[field] : []).flatMap((one, index) =>
      named(change(text(one)), [field, index]),
    );
  return [
    ...named(value.path, ['path']),
    ...named(value.env, ['env']),
    ...each('paths'),
    ...each('envs'),
    // KEY=PATH.
    ...each('files', (one) => one.replace(/^[^=]*=/, '')),
    ...maps(value.replacements).flatMap((entry, index) => named(entry.path, ['replacements', index, 'path'])),
  ];
}
