import { mkdir, realpath, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { execa } from 'execa';
import { releaseVersions, stageArgocd, stagedInstall } from '../argocd-manifest.ts';
import { readKustomization } from './kustomization.ts';
import { isMap, type Json, type JsonMap, type RenderedObject, type Target, text } from './model.ts';
import type { YamlFiles } from './yaml/yaml-files.ts';
import { parseOutput } from './yaml/yaml-files.ts';

/** What a target renders to, or the error kustomize ended with. */
export type Render = { target: Target; objects: RenderedObject[]; error?: string };

const originAnnotation = 'config.kubernetes.io/origin';

/**
 * Renders a kustomization root below `scratch`, an empty folder of its own. A kustomization is staged there that
 * asks for origins and lists the real one, so that no file of the repository is touched.
 */
export async function renderKustomization(
  kustomize: string,
  target: Target & { dir: string },
  scratch: string,
  files: YamlFiles,
): Promise<Render> {
  await mkdir(scratch, { recursive: true });
  const stage = path.join(await realpath(scratch), 'stage');
  const dir = await realpath(target.dir);
  const kustomization = await readKustomization(target.dir, files);
  const release = kustomization?.references.find(({ to }) => releaseVersions(to).length > 0);
  const copy = path.join(path.dirname(stage), 'argocd');
  if (release !== undefined) {
    await stageArgocd(dir, copy);
  }
  await mkdir(stage);
  await writeFile(
    path.join(stage, 'kustomization.yaml'),
    JSON.stringify({
      buildMetadata: ['originAnnotations'],
      resources: [path.relative(stage, release === undefined ? dir : copy)],
    }),
  );
  const inRepository = (file: string): string => {
    if (file === path.join(copy, stagedInstall)) {
      return path.join(dir, path.basename(kustomization?.file.path ?? 'kustomization.yaml'));
    }
    return file.startsWith(`${copy}${path.sep}`) ? path.join(dir, path.relative(copy, file)) : file;
  };
  const build = await execa(kustomize, ['build', stage], { reject: false, stdin: 'ignore' });
  if (build.failed) {
    return { target, objects: [], error: plainError(build.stderr, stage, copy, dir) };
  }
  const objects = parseOutput(build.stdout).filter(isMap);
  return {
    target,
    objects: objects.map((value) => {
      const origin = takeOrigin(value);
      const source = origin === undefined ? target.dir : inRepository(path.resolve(stage, origin));
      return renderedObject(target, value, source);
    }),
  };
}

/** The objects of a plain YAML file, the items of a List one by one. */
export async function readObjects(target: Target & { file: string }, files: YamlFiles): Promise<Render> {
  const file = await files.read(target.file);
  const values = file.values().flatMap((value): Json[] => {
    const isList = isMap(value) && value.kind === 'List' && Array.isArray(value.items);
    return isList && Array.isArray(value.items) ? value.items : [value];
  });
  const objects = values.map((value) => renderedObject(target, isMap(value) ? value : {}, target.file));
  return { target, objects };
}

function renderedObject(target: Target, value: JsonMap, source: string): RenderedObject {
  const metadata = isMap(value.metadata) ? value.metadata : {};
  const id = { kind: text(value.kind), namespace: text(metadata.namespace), name: text(metadata.name) };
  return { target, apiVersion: text(value.apiVersion), id, value, source };
}

/** Takes the origin out of the object: it is ours, not the manifest's. */
function takeOrigin(value: JsonMap): string | undefined {
  const metadata = isMap(value.metadata) ? value.metadata : {};
  const annotations = isMap(metadata.annotations) ? metadata.annotations : {};
  const origin = parseOutput(text(annotations[originAnnotation]))[0];
  delete annotations[originAnnotation];
  if (Object.keys(annotations).length === 0) {
    delete metadata.annotations;
  }
  if (!isMap(origin)) {
    return undefined;
  }
  // A generated object has no file; the kustomization that generates it is what to edit.
  return text(origin.path) || text(origin.configuredIn) || undefined;
}

/** Kustomize's last words without our staging and its "accumulating resources" chain. */
function plainError(stderr: string, stage: string, copy: string, dir: string): string {
  const message = stderr
    .split('\n')
    .filter((line) => line.startsWith('Error: ') || !line.startsWith('#'))
    .join('\n')
    .trim()
    .replace(/^Error: /, '');
  const innermost = message.split(
    /(?:must resolve to a file'|accumulation of path '[^']*'|for path '[^']*'): /,
  );
  return (innermost.at(-1) ?? message).replaceAll(copy, dir).replaceAll(stage, dir).replace(/'$/, '');
}
