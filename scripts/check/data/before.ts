import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { CannotRun } from '../../cli.ts';
import type { Resources } from '../admission/resources.ts';
import { readRepository } from '../graph/repository.ts';
import type { Place, RenderedObject, Target } from '../model.ts';
import { type Origin, withTreeAt } from '../origin.ts';
import { findKustomize } from '../programs.ts';
import { originOf } from '../provenance/provenance.ts';
import { renderTarget } from '../render.ts';
import { cachedRender, keepRender } from '../render-cache.ts';
import { environmentsAmong, repositoryTargets } from '../targets.ts';
import { YamlFiles } from '../yaml/yaml-files.ts';
import { type Holdings, holdingsOf } from './holdings.ts';

/** Where an object was: the file relative to the root, and the text of its line. */
export type Was = { place: Place; line: string };

/** Whether data may be in what a target renders: not in Argo CD itself, or the policies. */
export function holds({ role }: Target): boolean {
  return role === 'environment' || role === 'apps';
}

/** Counts up when what is kept changes. */
const form = 4;

/**
 * What the origin held, rendered by this checkout's program: once, as the tree that a commit has never changes. What
 * did not render, or was no repository of this form, held nothing that is known.
 */
export async function holdingsBefore(
  origin: Origin,
  resources: Resources,
  progress: (line: string) => void,
): Promise<Holdings<Was>> {
  const key = createHash('sha256').update(`holdings ${form} ${origin.tree}`).digest('hex');
  const cached = (await cachedRender(key)) as Holdings<Was> | undefined;
  if (cached !== undefined) {
    return cached;
  }
  try {
    const holdings = await withTreeAt(origin.root, origin.commit, (then) =>
      holdingsAt(then, resources, progress),
    );
    await keepRender(key, holdings);
    return holdings;
  } catch (error) {
    if (error instanceof CannotRun) {
      return { objects: [], owners: [] };
    }
    throw error;
  }
}

async function holdingsAt(
  root: string,
  resources: Resources,
  progress: (line: string) => void,
): Promise<Holdings<Was>> {
  const files = new YamlFiles(root);
  const kustomize = await findKustomize(progress);
  const targets = (await repositoryTargets(root, files)).filter(holds);
  const all = await Promise.all(targets.map((target) => renderTarget(kustomize, target, files)));
  const renders = await environmentsAmong(root, all, files);
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
