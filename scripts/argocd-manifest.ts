import { cp, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { moduleFile } from './tools/go-modules.ts';

/** The pinned Go module that Argo CD's install manifest, CRDs and programs come from. */
export const argocdModule = 'github.com/argoproj/argo-cd/v3';

/** What upstream's install is called inside a staged folder. */
export const stagedInstall = 'upstream-install.yaml';

const releaseUrl =
  /https:\/\/raw\.githubusercontent\.com\/argoproj\/argo-cd\/(v[^/\s]+)\/manifests\/install\.yaml/g;

/** The versions in a text's URLs of Argo CD's install manifest, such as `["v3.5.7"]`. */
export function releaseVersions(text: string): string[] {
  return [...text.matchAll(releaseUrl)].map((match) => match[1] ?? '');
}

/**
 * Copies the folder `argocd` into `into` with the release URL replaced by the pinned module's own copy of that
 * manifest, so that a render needs no internet. `kustomize build` of `into` gives what the URL would.
 * @throws {ToolBuildError} when the module cannot be had.
 */
export async function stageArgocd(argocd: string, into: string): Promise<void> {
  await cp(argocd, into, { recursive: true });
  const kustomization = path.join(into, 'kustomization.yaml');
  const text = await readFile(kustomization, 'utf8');
  await writeFile(kustomization, text.replaceAll(releaseUrl, stagedInstall));
  if (releaseVersions(text).length > 0) {
    await cp(
      await moduleFile('cluster', argocdModule, 'manifests/install.yaml'),
      path.join(into, stagedInstall),
    );
  }
}
