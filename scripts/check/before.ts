import { createHash } from 'node:crypto';
import path from 'node:path';
import { CannotRun } from '../cli.ts';
import type { Resources } from './admission/resources.ts';
import { holdingsAt, holds, type Was } from './data/before.ts';
import { type Holdings, keyOf } from './data/holdings.ts';
import { Graph } from './graph/graph.ts';
import { imagesOf } from './images.ts';
import { isUnchanged, type Origin, withTreeAt } from './origin.ts';
import type { Render } from './render.ts';
import { cachedRender, keepRender } from './render-cache.ts';
import { manifestFolders, renderTargets, repositoryTargets } from './targets.ts';
import { reachable } from './tree.ts';
import { YamlFiles } from './yaml/yaml-files.ts';

/** What an environment was: a hash of each object by its key, and the images of its pods. */
export type EnvironmentBefore = { objects: Record<string, string>; images: string[] };

/** What a commit's tree was. An environment that did not render is null. */
export type Before = {
  holdings: Holdings<Was>;
  environments: Record<string, EnvironmentBefore | null>;
};

/** A tree with what it comes from. `before` is rendered when it is first asked for; undefined where it cannot be. */
export type Comparison = {
  origin: Origin;
  /** Whether nothing differs that an environment or an Application is rendered from. */
  isUnchanged: boolean;
  before: () => Promise<Before | undefined>;
};

/** Compares what is rendered now with its origin. */
export async function compare(
  origin: Origin,
  renders: Render[],
  files: YamlFiles,
  resources: Resources,
  progress: (line: string) => void,
): Promise<Comparison> {
  let before: Promise<Before | undefined> | undefined;
  return {
    origin,
    isUnchanged: await isUnchanged(origin, await foldersRead(origin.root, renders, files)),
    before: () => {
      before ??= beforeAt(origin, resources, progress);
      return before;
    },
  };
}

const folders = manifestFolders.filter((folder) => !['argocd', 'policies'].includes(folder));

/** The folders that environments are in, and what renders of them read besides, relative to the root. */
async function foldersRead(root: string, renders: Render[], files: YamlFiles): Promise<string[]> {
  const dirs = renders.flatMap(({ target }) => ('dir' in target && holds(target) ? [target.dir] : []));
  const trees = await Promise.all(dirs.map((dir) => reachable(dir, files)));
  const read = trees.flat().flatMap(({ references }) => references.filter(({ kind }) => kind !== 'remote'));
  const relative = read.map(({ to }) => path.relative(root, to));
  const elsewhere = relative.filter((to) => !folders.includes(to.split(path.sep)[0] ?? ''));
  return [...folders, ...new Set(elsewhere.filter((to) => to !== '' && !to.startsWith('..')))];
}

/** Counts up when what is kept changes. */
const form = 5;

/**
 * What a commit's tree was, rendered by this checkout's program: once, as the tree never changes. Undefined where it was
 * no repository of this form.
 */
export async function beforeAt(
  { root, commit, tree }: Pick<Origin, 'root' | 'commit' | 'tree'>,
  resources: Resources,
  progress: (line: string) => void,
): Promise<Before | undefined> {
  const key = createHash('sha256').update(`before ${form} ${tree}`).digest('hex');
  const cached = (await cachedRender(key)) as Before | undefined;
  if (cached !== undefined) {
    return cached;
  }
  try {
    const before = await withTreeAt(root, commit, (then) => readBefore(then, resources, progress));
    await keepRender(key, before);
    return before;
  } catch (error) {
    if (error instanceof CannotRun) {
      return undefined;
    }
    throw error;
  }
}

async function readBefore(
  root: string,
  resources: Resources,
  progress: (line: string) => void,
): Promise<Before> {
  const files = new YamlFiles(root);
  const targets = (await repositoryTargets(root, files)).filter(holds);
  const renders = await renderTargets(root, targets, files, progress);
  const environments = renders.filter(({ target }) => target.role === 'environment');
  return {
    holdings: await holdingsAt(root, renders, files, resources),
    environments: Object.fromEntries(
      environments.map((render) => [render.target.environment, environmentOf(render)]),
    ),
  };
}

/** What is kept of an environment's render; null where it did not render. */
export function environmentOf({ target, objects, error }: Render): EnvironmentBefore | null {
  if (error !== undefined) {
    return null;
  }
  const images = imagesOf(new Graph(target, objects)).map(({ image }) => image);
  return {
    objects: Object.fromEntries(
      objects.map(({ id, value }) => [
        keyOf(id),
        createHash('sha256').update(JSON.stringify(value)).digest('base64'),
      ]),
    ),
    images: [...new Set(images)].sort(),
  };
}
