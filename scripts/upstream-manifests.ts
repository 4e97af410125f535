import { cp, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { ToolModule } from './tools/go.ts';
import { moduleFile, pinnedVersion } from './tools/go-modules.ts';

/** A manifest that a kustomization names by its release's URL, and that the pinned Go module has a copy of. */
export interface UpstreamManifest {
  /** The folder that installs it. */
  folder: string;
  tool: ToolModule;
  module: string;
  /** The URL and the file, VERSION standing for the module's version and NUMBER for that without its v. */
  url: string;
  file: string;
  /** What it is called inside a staged folder. */
  staged: string;
}

const raw = 'https://raw.githubusercontent.com';

export const argocdInstall: UpstreamManifest = {
  folder: 'argocd',
  tool: 'cluster',
  module: 'github.com/argoproj/argo-cd/v3',
  url: `${raw}/argoproj/argo-cd/VERSION/manifests/install.yaml`,
  file: 'manifests/install.yaml',
  staged: 'upstream-install.yaml',
};

export const upstreamManifests: readonly UpstreamManifest[] = [
  argocdInstall,
  {
    folder: 'cloudnative-pg',
    tool: 'cloudnative-pg',
    module: 'github.com/cloudnative-pg/cloudnative-pg',
    url: `${raw}/cloudnative-pg/cloudnative-pg/VERSION/releases/cnpg-NUMBER.yaml`,
    file: 'releases/cnpg-NUMBER.yaml',
    staged: 'upstream-operator.yaml',
  },
  {
    folder: 'cloudnative-pg',
    tool: 'barman-cloud',
    module: 'github.com/cloudnative-pg/plugin-barman-cloud',
    url: `${raw}/cloudnative-pg/plugin-barman-cloud/VERSION/manifest.yaml`,
    file: 'manifest.yaml',
    staged: 'upstream-barman-cloud.yaml',
  },
];

/** Where a text names an upstream manifest of a version, such as `v3.5.7`. */
export interface Release {
  manifest: UpstreamManifest;
  version: string;
  url: string;
}

/** The upstream manifests that a text names by URL. */
export function releasesIn(text: string): Release[] {
  return upstreamManifests.flatMap((manifest) => {
    const pattern = RegExp.escape(manifest.url)
      .replaceAll('VERSION', '(?<version>v[^/\\s]+)')
      .replaceAll('NUMBER', '[^/\\s]+');
    return [...text.matchAll(new RegExp(pattern, 'g'))].map((match) => ({
      manifest,
      version: match.groups?.version ?? '',
      url: match[0],
    }));
  });
}

/** The pinned module's own copy of the manifest, in the cache. @throws {ToolBuildError} */
export async function upstreamFile(manifest: UpstreamManifest): Promise<string> {
  const version = await pinnedVersion(manifest.tool, manifest.module);
  return moduleFile(manifest.tool, manifest.module, at(manifest.file, version));
}

/** The manifest's URL at the version that is pinned. @throws {ToolBuildError} where go.mod does not pin it */
export async function upstreamUrl(manifest: UpstreamManifest): Promise<string> {
  return at(manifest.url, await pinnedVersion(manifest.tool, manifest.module));
}

function at(template: string, version: string): string {
  return template.replaceAll('VERSION', version).replaceAll('NUMBER', version.slice(1));
}

/**
 * Copies a folder, such as `argocd`, into `into` with each URL of an upstream manifest replaced by the pinned module's
 * own copy, so that a render needs no internet. `kustomize build` of `into` gives what the URLs would.
 * @throws {ToolBuildError} when a module cannot be had.
 */
export async function stageUpstream(folder: string, into: string): Promise<void> {
  await cp(folder, into, { recursive: true });
  const kustomization = path.join(into, 'kustomization.yaml');
  let text = await readFile(kustomization, 'utf8');
  for (const { manifest, url } of releasesIn(text)) {
    text = text.replaceAll(url, manifest.staged);
    await cp(await upstreamFile(manifest), path.join(into, manifest.staged));
  }
  await writeFile(kustomization, text);
}
