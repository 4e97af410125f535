import { execa } from 'execa';
import { parse } from 'yaml';
import { type Environment, environments } from '../environments.ts';
import { appName } from './app-image.ts';
import type { ImageOverrides } from './root-application.ts';

/** An image in a registry, and the registry's address for whoever asks. */
export interface RegistryImage {
  image: string;
  digest: string;
}

interface Kustomization {
  images?: { name?: string; digest?: string }[];
}

/**
 * Which environments need another image than Git pins at the commit: those whose pinned digest the registry does
 * not hold, or that pin none. They get the image built from the checkout.
 */
export async function imageOverrides(
  repository: string,
  commit: string,
  checkout: RegistryImage,
  holds: (image: RegistryImage) => Promise<boolean>,
): Promise<ImageOverrides> {
  const overrides: ImageOverrides = {};
  for (const environment of environments) {
    const digest = await pinnedDigest(repository, commit, environment);
    if (digest === undefined || !(await holds({ image: checkout.image, digest }))) {
      overrides[environment] = [`${appName}=${checkout.image}@${checkout.digest}`];
    }
  }
  return overrides;
}

/** Asks a registry on this machine whether it has the manifest. */
export function registryHolds(address: string): (image: RegistryImage) => Promise<boolean> {
  return async ({ image, digest }) => {
    const response = await fetch(`http://${address}/v2/${image}/manifests/${digest}`, {
      method: 'HEAD',
      headers: {
        accept: 'application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json',
      },
    });
    return response.ok;
  };
}

async function pinnedDigest(
  repository: string,
  commit: string,
  environment: Environment,
): Promise<string | undefined> {
  const text = await fileAt(repository, commit, `overlays/${environment}/kustomization.yaml`);
  try {
    const kustomization = parse(text ?? '') as Kustomization | null;
    return kustomization?.images?.find((image) => image.name === appName)?.digest;
  } catch {
    return undefined; // a push may be broken: Argo CD says so, and what runs goes on running
  }
}

async function fileAt(repository: string, commit: string, file: string): Promise<string | undefined> {
  const result = await execa('git', ['-C', repository, 'show', `${commit}:${file}`], { reject: false });
  return result.failed ? undefined : result.stdout;
}
