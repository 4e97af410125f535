import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Resources } from '../admission/resources.ts';
import { readRepository } from '../graph/repository.ts';
import type { Place, RenderedObject, Target } from '../model.ts';
import { originOf } from '../provenance/provenance.ts';
import type { Render } from '../render.ts';
import type { YamlFiles } from '../yaml/yaml-files.ts';
import { type Holdings, holdingsOf } from './holdings.ts';

/** Where an object was: the file relative to the root, and the text of its line. */
export type Was = { place: Place; line: string };

/** Whether data may be in what a target renders: not in Argo CD itself, or the policies. */
export function holds({ role }: Target): boolean {
  return role === 'environment' || role === 'apps';
}

/** What a repository's renders hold, and where. */
export async function holdingsAt(
  root: string,
  renders: Render[],
  files: YamlFiles,
  resources: Resources,
): Promise<Holdings<Was>> {
  const { objects, owners } = holdingsOf(await readRepository(root, true, renders, resources, [], files));
  const located = async <T extends { object: RenderedObject }>({ object, ...held }: T) => {
    const { file, ...at } = await originOf(object, files);
    const lines = (await readFile(file, 'utf8').catch(() => '')).split('\n');
    const place = { file: path.relative(root, file), ...at };
    return { ...held, place, line: lines[(at.line ?? 0) - 1] ?? '' };
  };
  return {
    objects: await Promise.all(objects.map(located)),
    owners: await Promise.all(owners.map(located)),
  };
}
