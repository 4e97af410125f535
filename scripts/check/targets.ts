import { existsSync } from 'node:fs';
import { glob, stat } from 'node:fs/promises';
import path from 'node:path';
import { CannotRun } from '../cli.ts';
import { upstreamManifests } from '../upstream-manifests.ts';
import { applicationFolders } from './graph/repository.ts';
import {
  choiceOf,
  isKustomizationFile,
  type Kustomization,
  kustomizationFile,
  readKustomization,
} from './kustomization.ts';
import type { Role, Target } from './model.ts';
import { findKustomize } from './programs.ts';
import { type Render, renderTarget } from './render.ts';
import type { YamlFiles } from './yaml/yaml-files.ts';

/** The folders that install what upstream releases, each with a kustomization that names its URL. */
const upstreamFolders = [...new Set(upstreamManifests.map(({ folder }) => folder))];

/** The folders of what is our own and no part of an environment. */
const workloadFolders = ['monitoring', 'status-page'];

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
 * kustomization in and under apps/ that no other one there lists, what installs Argo CD and operators, what of base/ an
 * overlay may list for itself, what a Prometheus and a Grafana are given, and the status page.
 * @throws {CannotRun} when the repository has no overlay: a check of nothing must not be green.
 */
export async function repositoryTargets(root: string, files: YamlFiles): Promise<Target[]> {
  const overlays = await environmentDirs(path.join(root, 'overlays'), files);
  if (overlays.length === 0) {
    throw new CannotRun(`${root}/overlays holds no environment: each is a folder with a kustomization.yaml.`);
  }
  const allApps = await kustomizationDirs(path.join(root, 'apps'), files);
  const listed = await listedFolders(allApps, files);
  const apps = allApps.filter((dir) => !listed.has(dir));
  const own = await Promise.all(
    workloadFolders.map((folder) => kustomizationDirs(path.join(root, folder), files)),
  );
  const parts = [...(await choicesIn(root, files)).filter(hasObjects).map(({ dir }) => dir), ...own.flat()];
  const upstream = upstreamFolders.map((folder) => path.join(root, folder)).filter((dir) => existsSync(dir));
  return [
    ...overlays.map((dir) => target(dir, 'environment')),
    ...apps.map((dir) => target(dir, 'apps')),
    ...upstream.map((dir) => target(dir, 'upstream')),
    ...parts.map((dir) => target(dir, 'argument')),
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
  const kustomization = await readKustomization(dir, files);
  if (kustomization?.isComponent && choiceOf(kustomization) === undefined) {
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
  const dirs = await kustomizationDirs(overlays, files);
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

async function kustomizationDirs(folder: string, files: YamlFiles): Promise<string[]> {
  const dirs = await allDirs(folder);
  const found = await Promise.all(dirs.map((dir) => readKustomization(dir, files)));
  return dirs.filter((_, index) => !found[index]?.isComponent);
}

/** The kustomizations of base/ that say how an overlay may list them. */
export async function choicesIn(root: string, files: YamlFiles): Promise<Kustomization[]> {
  const dirs = await allDirs(path.join(root, 'base'));
  const found = await Promise.all(dirs.map((dir) => readKustomization(dir, files)));
  return found.flatMap((one) => (one === undefined || choiceOf(one) === undefined ? [] : [one]));
}

/** Whether there is something to render: a Component that only changes what others have needs the overlay that lists it. */
function hasObjects({ isComponent, references }: Kustomization): boolean {
  return !isComponent || references.some(({ field }) => field === 'resources');
}

/** Every folder in and under one that has a kustomization. */
async function allDirs(folder: string): Promise<string[]> {
  const pattern = '**/{kustomization.yaml,kustomization.yml,Kustomization}';
  const found = await Array.fromAsync(glob(pattern, { cwd: folder }));
  return [...new Set(found.map((file) => path.dirname(path.join(folder, file))))].sort();
}
