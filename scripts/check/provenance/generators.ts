import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Kustomization } from '../kustomization.ts';
import { type FieldPath, isMap, type JsonMap, maps, text } from '../model.ts';
import { pluginsOf } from '../plugins.ts';
import type { YamlFile, YamlFiles } from '../yaml/yaml-files.ts';
import { fieldTouch, type Names, type Subject, type Touch } from './touches.ts';

const generators: Record<string, string> = { ConfigMap: 'configMapGenerator', Secret: 'secretGenerator' };

/** What a kustomization's generators say of an object that they make or merge into: the entry, or one key's line. */
export async function generatorTouches(
  subject: Subject,
  names: Names,
  kustomization: Kustomization,
  files: YamlFiles,
): Promise<Touch[]> {
  const touches: Touch[] = [];
  for (const entry of await entriesFor(subject.object.id.kind, kustomization, files)) {
    if (entry.name === names.original) {
      touches.push(...(await entryTouches(subject, entry, kustomization.dir, files)));
    }
  }
  return touches;
}

type Entry = { file: YamlFile; document: number; at: FieldPath; name: string; value: JsonMap };

/** The generators of ConfigMaps or Secrets: plug-ins make their objects before the kustomization's own fields do. */
async function entriesFor(kind: string, kustomization: Kustomization, files: YamlFiles): Promise<Entry[]> {
  const { file, value } = kustomization;
  const field = generators[kind];
  const plugins = field === undefined ? [] : await pluginsOf(kustomization, 'generators', files);
  return [
    ...plugins
      .filter((plugin) => plugin.kind === `${kind}Generator`)
      .map((plugin) => ({
        ...plugin,
        at: [],
        name: isMap(plugin.value.metadata) ? text(plugin.value.metadata.name) : '',
      })),
    ...(field === undefined ? [] : maps(value[field])).map((entry, index) => ({
      ...{ file, document: 0, at: [field ?? '', index] },
      name: text(entry.name),
      value: entry,
    })),
  ];
}

async function entryTouches(
  subject: Subject,
  { file, document, at: entry, value }: Entry,
  dir: string,
  files: YamlFiles,
): Promise<Touch[]> {
  const touch = (at: FieldPath) => fieldTouch(subject, file, [...entry, ...at], undefined, document);
  const [map, key] = subject.path;
  if ((map !== 'data' && map !== 'stringData') || key === undefined) {
    return [{ ...touch([]), depth: 0 }];
  }
  const says = ['literals', 'files'].flatMap((list) =>
    texts(value[list]).flatMap((said, at) => (keyOf(said, list) === key ? [touch([list, at])] : [])),
  );
  for (const name of texts(value.envs)) {
    says.push(...(await envTouches(subject, path.resolve(dir, name), String(key), files)));
  }
  // One that replaces leaves nothing of what was generated before it.
  return says.length > 0 ? says : [{ ...touch([]), depth: 1, removes: value.behavior === 'replace' }];
}

function texts(list: unknown): string[] {
  return Array.isArray(list) ? list.map(text) : [];
}

function keyOf(said: string, list: string): string {
  const [, key] = /^([^=]+)=/.exec(said) ?? [];
  return key ?? (list === 'files' ? path.basename(said) : said);
}

/** The line of a file of KEY=VALUE lines that has the key. */
async function envTouches(
  { path: wanted }: Subject,
  file: string,
  key: string,
  files: YamlFiles,
): Promise<Touch[]> {
  const lines = files.holds(file) ? (await readFile(file, 'utf8')).split('\n') : [];
  const index = lines.findLastIndex((line) => /^\s*([^#=\s][^=]*)/.exec(line)?.[1]?.trim() === key);
  return index < 0
    ? []
    : [{ file, line: index + 1, column: 1, depth: wanted.length, value: undefined, removes: false }];
}
