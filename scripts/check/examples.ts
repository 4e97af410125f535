import { mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { isMap, type Target, text } from './model.ts';
import { type Render, renderKustomization } from './render.ts';
import { parseOutput, YamlFiles } from './yaml/yaml-files.ts';

/**
 * One document of a rule's valid.yaml or invalid.yaml: a strategic merge patch to policies/example or its argocd/, or
 * an entry of Kustomize's `patches` with its target.
 */
export type Example = { rule: string; kind: 'valid' | 'invalid'; index: number; patch: string };

/** A rule's examples, in the order of its files. @throws when a file is missing */
export async function examplesOf(root: string, rule: string): Promise<Example[]> {
  const kinds = ['valid', 'invalid'] as const;
  const files = kinds.map(async (kind) => {
    const text = await readFile(path.join(root, 'policies', rule, `${kind}.yaml`), 'utf8');
    return text.split(/^---$/m).map((patch, index): Example => ({ rule, kind, index, patch }));
  });
  return (await Promise.all(files)).flat();
}

/** What the examples are patches to: the namespace as an environment of `root`, and the Applications that deploy it. */
export function exampleTargets(root: string): { namespace: ExampleTarget; applications: ExampleTarget } {
  const dir = path.join(root, 'policies/example');
  return {
    namespace: { role: 'environment', environment: 'example', dir },
    applications: { role: 'apps', environment: '', dir: path.join(dir, 'argocd') },
  };
}

type ExampleTarget = Target & { dir: string };

/** The target that a patch is to: the one that has its kind. */
export function exampleTarget(root: string, patch: string): ExampleTarget {
  const { namespace, applications } = exampleTargets(root);
  const entry = parseOutput(patch)[0];
  const target = isMap(entry) && isMap(entry.target) ? entry.target : entry;
  return isMap(target) && ['Application', 'AppProject'].includes(text(target.kind))
    ? applications
    : namespace;
}

/** policies/example or its argocd/, with a patch, rendered below `scratch`. @throws when the patch changes nothing */
export async function renderExample(
  target: ExampleTarget,
  kustomize: string,
  scratch: string,
  patch?: string,
): Promise<Render> {
  const own = await mkdtemp(path.join(scratch, 'example-'));
  const dir = path.join(own, 'patched');
  await mkdir(dir);
  const entry = parseOutput(patch ?? '')[0];
  const patches = patch === undefined ? [] : [isMap(entry) && 'target' in entry ? entry : { patch }];
  const resources = [path.relative(dir, target.dir)];
  await writeFile(path.join(dir, 'kustomization.yaml'), JSON.stringify({ resources, patches }));
  const folder = path.join(own, 'render');
  const { objects, error } = await renderKustomization(
    kustomize,
    { ...target, dir },
    folder,
    new YamlFiles(),
  );
  if (error !== undefined) {
    throw new Error(`${patch}\n${error}`);
  }
  return { target, objects: objects.map((object) => ({ ...object, target })) };
}
