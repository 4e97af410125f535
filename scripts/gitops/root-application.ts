import path from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { execa } from 'execa';
import { parseAllDocuments } from 'yaml';
import { type Environment, environments } from '../environment.ts';
import { repoRoot } from '../paths.ts';
import { type Api, findIn } from '../watch/api.ts';
import type { Kubectl } from './kubectl.ts';

/** Images that Argo CD uses in place of what Git says, per environment, in `kustomize edit set image` form. */
export type ImageOverrides = Partial<Record<Environment, string[]>>;

/** A Kustomize patch inside an Application. */
interface Patch {
  patch: string;
  target: { kind: string; name?: string };
}

/** As much of the root Application, or of its project, as is changed here. */
export interface RootObject {
  kind: string;
  spec: {
    sourceRepos?: string[];
    source?: { repoURL: string; kustomize?: { patches?: Patch[] } };
  };
}

/**
 * Applies the root Application. Where the repository is served from elsewhere than apps/repository says, or an
 * image is overridden, the root patches its children: Git stays as it is.
 */
export async function applyRoot(
  kubectl: Kubectl,
  kustomize: string,
  repository: string,
  overrides: ImageOverrides,
): Promise<void> {
  const build = await execa(kustomize, ['build', path.join(repoRoot, 'apps/root')]);
  const objects = parseAllDocuments(build.stdout).map((document) => document.toJS() as RootObject);
  for (const { spec } of objects) {
    if (spec.source !== undefined) {
      const inGit = spec.source.repoURL;
      spec.source = { ...spec.source, repoURL: repository };
      const patches = childPatches(inGit === repository ? undefined : repository, overrides);
      if (patches.length > 0) {
        spec.source.kustomize = { patches };
      }
    } else {
      spec.sourceRepos = [repository];
    }
  }
  await kubectl.apply(objects);
}

/** The root as it is in the cluster; undefined where there is none yet. @throws {ApiError} */
export function liveRoot(api: Api): Promise<RootObject | undefined> {
  return findIn<RootObject>(api, '/apis/argoproj.io/v1alpha1/namespaces/argocd/applications/root');
}

/** Brings the live root's overrides to these. Does nothing where they already hold. */
export async function updateOverrides(
  kubectl: Kubectl,
  root: RootObject | undefined,
  overrides: ImageOverrides,
): Promise<boolean> {
  const present = root?.spec.source?.kustomize?.patches ?? [];
  const wanted = childPatches(root?.spec.source?.repoURL, overrides);
  // Whatever the order of their keys: a root that is written has all of its children compared again.
  if (root === undefined || isDeepStrictEqual(present, wanted)) {
    return false;
  }
  const patch = JSON.stringify({ spec: { source: { kustomize: { patches: wanted } } } });
  const options = ['--namespace=argocd', '--type=merge', '--field-manager=quotes', `--patch=${patch}`];
  await kubectl(['patch', 'application', 'root', ...options]);
  return true;
}

/** The environments whose image the live root overrides; undefined where there is no root yet. */
export function overriddenEnvironments(root: RootObject | undefined): Set<Environment> | undefined {
  const patched = (root?.spec.source?.kustomize?.patches ?? []).map(({ target }) => target.name);
  return root && new Set(environments.filter((environment) => patched.includes(environment)));
}

function childPatches(repository: string | undefined, overrides: ImageOverrides): Patch[] {
  const set = (path: string, value: unknown) => JSON.stringify([{ op: 'add', path, value }]);
  const source: Patch[] =
    repository === undefined
      ? []
      : [
          { patch: set('/spec/sourceRepos', [repository]), target: { kind: 'AppProject' } },
          { patch: set('/spec/source/repoURL', repository), target: { kind: 'Application' } },
        ];
  const images = environments.flatMap((name): Patch[] => {
    const override = overrides[name] ?? [];
    return override.length === 0
      ? []
      : [
          {
            target: { kind: 'Application', name },
            patch: set('/spec/source/kustomize', { images: override }),
          },
        ];
  });
  return [...source, ...images];
}
