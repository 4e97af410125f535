import { type Environment, environments } from '../environment.ts';
import { pinAt } from '../release/versions.ts';
import { appName } from './app-image.ts';
import type { ImageOverrides } from './root-application.ts';

/** An image in a registry, and the registry's address for whoever asks. */
export interface RegistryImage {
  image: string;
  digest: string;
}

/**
 * Which environments get the image built from the checkout in place of what Git says at the commit: those that pin no
 * digest, and those whose digest the registry does not hold. An override that has given way (`inForce` is what there is
 * so far, undefined before the first start) does not come back for a digest that is missing or a file that does not
 * parse: what runs goes on running, and Argo CD says what is wrong.
 */
export async function imageOverrides(
  repository: string,
  commit: string,
  checkout: RegistryImage,
  holds: (image: RegistryImage) => Promise<boolean>,
  inForce: ReadonlySet<Environment> | undefined,
): Promise<ImageOverrides> {
  const overrides: ImageOverrides = {};
  for (const environment of environments) {
    const pin = await pinOf(repository, commit, environment);
    const unsure =
      pin === 'unreadable' || (pin !== 'none' && !(await holds({ image: checkout.image, digest: pin })));
    if (pin === 'none' || (unsure && (inForce?.has(environment) ?? true))) {
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

/** The digest that an environment pins; `none` where it follows a tag. */
async function pinOf(
  repository: string,
  commit: string,
  environment: Environment,
): Promise<string | 'none' | 'unreadable'> {
  const pin = await pinAt(repository, environment, commit);
  return pin === undefined ? 'unreadable' : 'digest' in pin ? pin.digest : 'none';
}
