import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Kustomization } from '../kustomization.ts';
import { maps, text } from '../model.ts';
import type { YamlFiles } from '../yaml/yaml-files.ts';
import { fieldTouch, type Names, type Subject, type Touch } from './touches.ts';

const generators: Record<string, string> = { ConfigMap: 'configMapGenerator', Secret: 'secretGenerator' };

/** What a kustomization's generator says of an object that it makes or merges into: its entry, or one key's line. */
export async function generatorTouches(
  subject: Subject,
  names: Names,
  { dir, file, value }: Kustomization,
  files: YamlFiles,
): Promise<Touch[]> {
  const { object, path: wanted } = subject;
  const field = generators[object.id.kind];
  if (field === undefined) {
    return [];
  }
  const touches: Touch[] = [];
  for (const [index, entry] of maps(value[field]).entries()) {
    if (text(entry.name) !== names.original) {
      continue;
    }
    const [map, key] = wanted;
    if ((map !== 'data' && map !== 'stringData') || key === undefined) {
      touches.push({ ...fieldTouch(subject, file, [field, index]), depth: 0 });
      continue;
    }
    const says = ['literals', 'files'].flatMap((list) =>
      texts(entry[list]).flatMap((said, at) =>
        keyOf(said, list) === key ? [fieldTouch(subject, file, [field, index, list, at])] : [],
      ),
    );
    for (const name of texts(entry.envs)) {
      says.push(...(await envTouches(subject, path.resolve(dir, name), String(key), files)));
    }
    touches.push(...(says.length > 0 ? says : [{ ...fieldTouch(subject, file, [field, index]), depth: 1 }]));
  }
  return touches;
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
