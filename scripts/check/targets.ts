import { existsSync } from 'node:fs';
import { glob, stat } from 'node:fs/promises';
import path from 'node:path';
import { CannotRun } from '../cli.ts';
import { upstreamManifests } from '../upstream-manifests.ts';
import { applicationFolders } from './graph/repository.ts';
import { isKustomizationFile, kustomizationFile, readKustomization, replacedBy } from './kustomization.ts';
import type { Role, Target } from './model.ts';
import { findKustomize } from './programs.ts';
import { type Render, renderTarget } from './render.ts';
import type { YamlFiles } from './yaml/yaml-files.ts';

/** The folders that install what upstream releases, each with a kustomization that names its URL. */
const upstreamFolders = [...new Set(upstreamManifests.map(({ folder }) => folder))];

/** The folders of workloads of our own that are no part of an environment. */
const workloadFolders = ['status-page'];

/** The folders whose every YAML file must be listed by a kustomization. */
export const manifestFolders = [
  'apps',
  'base',
  'components',
  'overlays',
  'policies',
  ...upstreamFolders,
  ...workloadFolders,
];

/**
 * Everything a check without arguments covers: each overlay, whichever folders below it another does not list, every
 * kustomization in and under apps/, what installs Argo CD and operators, the status page, and what of base/ an overlay
 * may list instead.
 * @throws {CannotRun} when the repository has no overlay: a check of nothing must not be green.
 */
export async function repositoryTargets(root: string, files: YamlFiles): Promise<Target[]> {
  const overlays = await environmentDirs(path.join(root, 'overlays'), files);
  if (overlays.length === 0) {
    throw new CannotRun(`${root}/overlays holds no environment: each is a folder with a kustomization.yaml.`);
  }
  const apps = await kustomizationDirs(path.join(root, 'apps'), '**', files);
  const bases = await kustomizationDirs(path.join(root, 'base'), '**', files);
  const alternatives = await Promise.all(
    bases.map(async (dir) => {
      const found = await readKustomization(dir, files);
      return found === undefined || replacedBy(found) === undefined ? [] : [target(dir, 'argument')];
    }),
  );
  const present = (folders: string[]) =>
    folders.map((folder) => path.join(root, folder)).filter((dir) => existsSync(dir));
  return [
    ...overlays.map((dir) => target(dir, 'environment')),
    ...apps.map((dir) => target(dir, 'apps')),
    ...present(upstreamFolders).map((dir) => target(dir, 'upstream')),
    ...present(workloadFolders).map((dir) => target(dir, 'argument')),
    ...alternatives.flat(),
    policiesTarget(root),
  ];
}

/** The policies that objects are held to. They are rendered whatever is checked, and checked with the whole. */
export function policiesTarget(root: string): Target & { dir: string } {
  return { role: 'policies', environment: '', dir: path.join(root, 'policies') };
}

/**
 * Targets for paths a user gave, each once: folders with a kustomization, kustomization files, plain YAML files.
 * @throws {CannotRun} when a path is none of these.
 */
export async function argumentTargets(root: string, paths: string[], files: YamlFiles): Promise<Target[]> {
  const targets = await Promise.all(paths.map((given) => argumentTarget(root, path.resolve(given), files)));
  const place = (target: Target) => ('dir' in target ? target.dir : target.file);
  return [...new Map(targets.map((target) => [place(target), target])).values()];
}

async function argumentTarget(root: string, given: string, files: YamlFiles): Promise<Target> {
  const found = await stat(given).catch(() => undefined);
  if (found === undefined) {
    throw new CannotRun(`${given} does not exist: give a folder with a kustomization.yaml or a YAML file.`);
  }
  if (found.isFile() && !isKustomizationFile(given)) {
    if (!/\.ya?ml$/.test(given)) {
      throw new CannotRun(
        `${given} is no YAML file: give a folder with a kustomization.yaml or a YAML file.`,
      );
    }
    return { role: 'argument', environment: '', file: given };
  }
  const dir = found.isFile() ? path.dirname(given) : given;
  if (kustomizationFile(dir) === undefined) {
    throw new CannotRun(`${given} has no kustomization.yaml: give a folder that has one, or a YAML file.`);
  }
  if ((await readKustomization(dir, files))?.isComponent) {
    throw new CannotRun(`${given} is a Component: check the kustomization that lists it.`);
  }
  if (environmentName(dir) !== '') {
    return target(dir, 'environment');
  }
  const folder = path.relative(root, dir).split(path.sep)[0] ?? '';
  if (folder === 'apps' || folder === 'policies') {
    return target(dir, folder);
  }
  return target(dir, upstreamFolders.includes(folder) ? 'upstream' : 'argument');
}

function target(dir: string, role: Role): Target {
  return { role, environment: role === 'environment' ? environmentName(dir) : '', dir };
}

/** An environment is called what its folder is below overlays/, such as prod or prod/eu; '' for another folder. */
function environmentName(dir: string): string {
  const steps = dir.split(path.sep);
  const at = steps.lastIndexOf('overlays');
  return at < 0 ? '' : steps.slice(at + 1).join('/');
}

/**
 * The folders in overlays/, and of those below them the ones that no other one lists. Which of the former others only
 * build on is known when the Applications are rendered: see `environmentsAmong`.
 */
async function environmentDirs(overlays: string, files: YamlFiles): Promise<string[]> {
  const dirs = await kustomizationDirs(overlays, '**', files);
  const listed = await listedFolders(dirs, files);
  return dirs.filter((dir) => path.dirname(dir) === overlays || !listed.has(dir));
}

async function listedFolders(dirs: string[], files: YamlFiles): Promise<Set<string>> {
  const kustomizations = await Promise.all(dirs.map((dir) => readKustomization(dir, files)));
  return new Set(kustomizations.flatMap((found) => found?.references.map(({ to }) => to) ?? []));
}

/**
 * The renders without those of overlays that others build on and no Application deploys: they are part of the others'.
 * Where no Application is known, or an ApplicationSet makes more, each folder in overlays/ is an environment.
 */
export async function environmentsAmong(
  root: string,
  renders: Render[],
  files: YamlFiles,
): Promise<Render[]> {
  const deployed = applicationFolders(root, renders);
  if (deployed === undefined) {
    return renders;
  }
  const dirs = renders.flatMap(({ target }) =>
    target.role === 'environment' && 'dir' in target ? [target.dir] : [],
  );
  const listed = await listedFolders(dirs, files);
  return renders.filter(
    ({ target }) =>
      target.role !== 'environment' ||
      !('dir' in target) ||
      !listed.has(target.dir) ||
      deployed.has(target.dir),
  );
}

/** Renders targets of a repository; of overlays, those that are environments. */
export async function renderTargets(
  root: string,
  targets: Target[],
  files: YamlFiles,
  progress: (line: string) => void,
): Promise<Render[]> {
  const kustomize = await findKustomize(progress);
  const renders = await Promise.all(targets.map((one) => renderTarget(kustomize, one, files)));
  return environmentsAmong(root, renders, files);
}

async function kustomizationDirs(folder: string, pattern: string, files: YamlFiles): Promise<string[]> {
  const dirs: string[] = [];
  for await (const file of glob(`${pattern}/{kustomization.yaml,kustomization.yml,Kustomization}`, {
    cwd: folder,
  })) {
    const dir = path.dirname(path.join(folder, file));
    if (!(await readKustomization(dir, files))?.isComponent) {
      dirs.push(dir);
    }
  }
  return [...new Set(dirs)].sort();
}
