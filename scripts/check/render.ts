import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { runProgram } from '../program.ts';
import { pinnedVersion } from '../tools/go-modules.ts';
import { releasesIn, stageUpstream, upstreamManifests, upstreamUrl } from '../upstream-manifests.ts';
import { type Kustomization, kustomizationFile, referencePlace } from './kustomization.ts';
import { manifestsIn } from './manifests.ts';
import { isMap, type JsonMap, type Place, type RenderedObject, type Target, text } from './model.ts';
import { foreignPlugins } from './plugins.ts';
import { cachedRender, keepRender, renderKey } from './render-cache.ts';
import { failurePlace } from './render-failures.ts';
import { reachable } from './tree.ts';
import { parseOutput, type YamlFiles } from './yaml/yaml-files.ts';

/** What a target renders to, or the error kustomize ended with and the place that it is about. */
export type Render = { target: Target; objects: RenderedObject[]; error?: string; place?: Place };

const originAnnotation = 'config.kubernetes.io/origin';

/** Renders a target of either kind; nothing is left of it but what the cache keeps. */
export async function renderTarget(kustomize: string, target: Target, files: YamlFiles): Promise<Render> {
  if (!('dir' in target)) {
    return readObjects(target, files);
  }
  const scratch = await mkdtemp(path.join(tmpdir(), 'quotes-render-'));
  try {
    return await renderKustomization(kustomize, target, scratch, files);
  } finally {
    await rm(scratch, { recursive: true });
  }
}

/**
 * Renders a kustomization root below `scratch`, an empty folder of its own; what was rendered before from the same
 * files comes from the cache. Nothing is rendered that would read the network, or files outside the repository.
 */
export async function renderKustomization(
  kustomize: string,
  target: Target & { dir: string },
  scratch: string,
  files: YamlFiles,
): Promise<Render> {
  const tree = await reachable(target.dir, files);
  const found = await obstacle(target.dir, tree, files);
  if (found !== undefined) {
    return { target, objects: [], ...found };
  }
  const key = await renderKey(target.dir, tree, await renderer());
  const cached = (await cachedRender(key)) as Rendered[] | undefined;
  const rendered = cached ?? (await build(kustomize, target.dir, tree, scratch));
  if (typeof rendered === 'string') {
    const place = await failurePlace(tree, rendered, files);
    return { target, objects: [], error: rendered, ...(place && { place }) };
  }
  if (cached === undefined) {
    await keepRender(key, rendered);
  }
  return {
    target,
    objects: rendered.map(({ value, source }) =>
      renderedObject(target, value, path.join(target.dir, source)),
    ),
  };
}

/** An object, and the file it was read from, relative to the folder that was rendered. */
type Rendered = { value: JsonMap; source: string };

/** What the same files render to depends on these, and on this file: count up when it changes what is kept. */
async function renderer(): Promise<string> {
  const pins = await Promise.all([
    pinnedVersion('check', 'sigs.k8s.io/kustomize/kustomize/v5'),
    ...upstreamManifests.map(upstreamUrl),
  ]);
  return `2 ${pins.join(' ')}`;
}

/**
 * Why a tree is not given to Kustomize at all: it would try what is not there as a URL, read what is outside the
 * repository, or load what a transformer names.
 */
async function obstacle(
  dir: string,
  tree: Kustomization[],
  files: YamlFiles,
): Promise<{ error: string; place?: Place } | undefined> {
  if (tree.length === 0) {
    const file = kustomizationFile(dir);
    const [problem] = file !== undefined && files.holds(file) ? (await files.read(file)).problems : [];
    const error = `not rendered: ${dir} has no kustomization that can be read`;
    return { error, ...(file !== undefined && { place: { file, line: problem?.line ?? 1 } }) };
  }
  for (const kustomization of tree) {
    for (const reference of kustomization.references) {
      const { kind, to } = reference;
      const named = (why: string) => {
        const place = referencePlace(kustomization, reference);
        return { error: `not rendered: ${place.file} names ${to}, ${why}`, place };
      };
      if (kind === 'remote' && releasesIn(to).length === 0) {
        return named('and nothing is fetched from the network');
      }
      if (kind === 'missing' || kind === 'outside') {
        return named(`which is ${kind === 'missing' ? 'not there' : 'outside the repository'}`);
      }
      const [problem] = kind === 'file' && /\.ya?ml$/.test(to) ? (await files.read(to)).problems : [];
      if (problem !== undefined) {
        return { error: `not rendered: ${to} does not parse`, place: { file: to, line: problem.line } };
      }
    }
    const [foreign] = await foreignPlugins(kustomization, files);
    if (foreign !== undefined) {
      const { file, document, message } = foreign;
      const place = { file: file.path, line: file.documentLine(document) };
      return { error: `not rendered: ${file.path}: ${message}`, place };
    }
  }
  return undefined;
}

/** How long Kustomize may take, in milliseconds: Argo CD's install, the largest here, takes one second. */
const longestBuild = 60_000;

/**
 * Runs Kustomize on a kustomization staged in `scratch`, which asks for origins and lists the real one, so that no
 * file of the repository is touched. A text is Kustomize's error.
 */
async function build(
  kustomize: string,
  targetDir: string,
  tree: Kustomization[],
  scratch: string,
): Promise<Rendered[] | string> {
  await mkdir(scratch, { recursive: true });
  const stage = path.join(await realpath(scratch), 'stage');
  const dir = await realpath(targetDir);
  const [kustomization] = tree;
  const releases = kustomization?.references.flatMap(({ to }) => releasesIn(to)) ?? [];
  const isUpstream = releases.length > 0;
  const copy = path.join(path.dirname(stage), 'upstream');
  if (isUpstream) {
    await stageUpstream(dir, copy);
  }
  await mkdir(stage);
  await writeFile(
    path.join(stage, 'kustomization.yaml'),
    JSON.stringify({
      buildMetadata: ['originAnnotations'],
      [kustomization?.isComponent ? 'components' : 'resources']: [
        path.relative(stage, isUpstream ? copy : dir),
      ],
    }),
  );
  const inRepository = (file: string): string => {
    if (releases.some(({ manifest }) => file === path.join(copy, manifest.staged))) {
      return path.join(dir, path.basename(kustomization?.file.path ?? 'kustomization.yaml'));
    }
    return file.startsWith(`${copy}${path.sep}`) ? path.join(dir, path.relative(copy, file)) : file;
  };
  const run = await runProgram(kustomize, ['build', stage], {
    reject: false,
    stdin: 'ignore',
    timeout: longestBuild,
    // Without git on its path and with no proxy that answers it can fetch nothing.
    extendEnv: false,
    env: { HOME: scratch, PATH: '', HTTPS_PROXY: 'http://127.0.0.1:9', HTTP_PROXY: 'http://127.0.0.1:9' },
  });
  if (run.timedOut) {
    return `kustomize was ended after ${longestBuild / 1000} s`;
  }
  if (run.failed) {
    return plainError(run.stderr, stage, copy, dir);
  }
  return parseOutput(run.stdout)
    .filter(isMap)
    .map((value) => {
      const origin = takeOrigin(value);
      const source = origin === undefined ? dir : inRepository(path.resolve(stage, origin));
      return { value, source: path.relative(dir, source) };
    });
}

/** The objects of a plain YAML file, the items of a List one by one. */
async function readObjects(target: Target & { file: string }, files: YamlFiles): Promise<Render> {
  const file = await files.read(target.file);
  const objects = manifestsIn(file).map(({ value }) =>
    renderedObject(target, isMap(value) ? value : {}, target.file),
  );
  return { target, objects };
}

/** A value as an object of a target; `source` is the file that it was read from. */
export function renderedObject(target: Target, value: JsonMap, source: string): RenderedObject {
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
    .replace(/^Error: /, '')
    // Go's own print of what is to be merged has addresses, which are others in every run.
    .replace(/merging from generator &\{[^}]*\}: /, '')
    .replace(/id resid\.ResId\{.*?Kind:"([^"]*)".*?\}, Name:"([^"]*)".*?\}/, '$1 $2');
  const innermost = message.split(
    /(?:must resolve to a file'|accumulation of path '[^']*'|for path '[^']*'): /,
  );
  return (innermost.at(-1) ?? message).replaceAll(copy, dir).replaceAll(stage, dir).replace(/'$/, '');
}
