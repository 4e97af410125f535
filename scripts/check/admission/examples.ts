import { mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { isMap, type RenderedObject } from '../model.ts';
import { renderKustomization } from '../render.ts';
import { parseOutput, YamlFiles } from '../yaml/yaml-files.ts';

/**
 * One document of a rule's valid.yaml or invalid.yaml: a strategic merge patch to policies/example, or an entry of
 * Kustomize's `patches` with its target.
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

/** policies/example with a patch, rendered below `scratch`. @throws when the patch changes nothing that is there */
export async function renderExample(
  root: string,
  kustomize: string,
  scratch: string,
  patch?: string,
): Promise<RenderedObject[]> {
  const own = await mkdtemp(path.join(scratch, 'example-'));
  const dir = path.join(own, 'patched');
  await mkdir(dir);
  const example = path.relative(dir, path.join(root, 'policies/example'));
  const entry = parseOutput(patch ?? '')[0];
  const patches = patch === undefined ? [] : [isMap(entry) && 'target' in entry ? entry : { patch }];
  await writeFile(path.join(dir, 'kustomization.yaml'), JSON.stringify({ resources: [example], patches }));
  const target = { role: 'argument', environment: '', dir } as const;
  const { objects, error } = await renderKustomization(
    kustomize,
    target,
    path.join(own, 'render'),
    new YamlFiles(),
  );
  if (error !== undefined) {
    throw new Error(`${patch}\n${error}`);
  }
  return objects;
}
