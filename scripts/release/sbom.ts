import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { Enums, Models, Serialize, Spec } from '@cyclonedx/cyclonedx-library';
import { withImageFiles } from '../images/buildah.ts';

type Described = { image: string; digest: string; revision: string; time: number };

/** As npm writes it beside what it installed. */
type HiddenLock = {
  packages?: Record<string, { version?: string; integrity?: string; license?: string }>;
};

/**
 * What is in an image of the local store, as CycloneDX 1.6 in JSON: the Debian packages that dpkg knows, the npm
 * packages that the bundle below /app was made of, and Node. The same image makes the same text.
 * @throws {ImageError}
 */
export function sbomOf(described: Described): Promise<string> {
  return withImageFiles(described.image, async (folder) => {
    const read = (file: string) => readFile(path.join(folder, file), 'utf8').catch(() => '');
    const status = await read('var/lib/dpkg/status');
    const lock = await read('app/node_modules/.package-lock.json');
    const bundled = await read('app/service/dist/packages.json');
    const node = nodeRuntime(await read('app/service/Dockerfile'));
    const found = [...debianPackages(status), ...npmPackages(lock, bundled), ...node];
    // npm has some packages in several folders.
    return sbom(described, [
      ...new Map(found.map((component) => [component.bomRef.value, component])).values(),
    ]);
  });
}

/** @param status dpkg's own record of what is installed */
export function debianPackages(status: string): Models.Component[] {
  return status
    .split(/\n\n+/)
    .map(
      (stanza) =>
        new Map([...stanza.matchAll(/^([\w-]+): (.*)$/gm)].map(([, key = '', value = '']) => [key, value])),
    )
    .filter((fields) => fields.get('Status')?.endsWith(' installed') === true)
    .map((fields) => {
      const [name = '', version = '', architecture = ''] = ['Package', 'Version', 'Architecture'].map(
        (key) => fields.get(key) ?? '',
      );
      const purl = `pkg:deb/debian/${encodeURIComponent(name)}@${encodeURIComponent(version)}?arch=${architecture}`;
      return component(name, version, purl);
    });
}

/**
 * The packages in the bundle.
 * @param lock npm's hidden lock file
 * @param bundled their folders, as service/build.ts lists them
 */
export function npmPackages(lock: string, bundled: string): Models.Component[] {
  const inBundle = new Set(bundled === '' ? [] : (JSON.parse(bundled) as string[]));
  const { packages = {} } = (lock === '' ? {} : JSON.parse(lock)) as HiddenLock;
  return Object.entries(packages)
    .filter(([folder]) => inBundle.has(folder))
    .map(([folder, { version = '', integrity = '', license }]) => {
      const name = folder.slice(folder.lastIndexOf('node_modules/') + 'node_modules/'.length);
      const purl = `pkg:npm/${name.replace('@', '%40')}@${encodeURIComponent(version)}`;
      const found = component(name, version, purl);
      const [, hash] = /^sha512-(\S+)$/.exec(integrity) ?? [];
      if (hash !== undefined) {
        found.hashes.set(Enums.HashAlgorithm['SHA-512'], Buffer.from(hash, 'base64').toString('hex'));
      }
      if (license !== undefined) {
        found.licenses.add(new Models.NamedLicense(license));
      }
      return found;
    });
}

/** @param dockerfile the service's, whose last base says which Node there is */
export function nodeRuntime(dockerfile: string): Models.Component[] {
  const version = [...dockerfile.matchAll(/^FROM \S+\/node:([\d.]+)/gm)].at(-1)?.[1];
  return version === undefined ? [] : [component('node', version, `pkg:generic/node@${version}`)];
}

function sbom({ image, digest, revision, time }: Described, components: Models.Component[]): string {
  const [, name = image] = /([^/:]+)(?::[^/]*)?$/.exec(image) ?? [];
  const subject = new Models.Component(Enums.ComponentType.Container, name, {
    version: digest,
    purl: `pkg:oci/${name}@${encodeURIComponent(digest)}?repository_url=${encodeURIComponent(image.replace(/:[^/:]*$/, ''))}`,
    bomRef: digest,
    properties: new Models.PropertyRepository([
      new Models.Property('org.opencontainers.image.revision', revision),
    ]),
  });
  const bom = new Models.Bom({
    metadata: new Models.Metadata({ component: subject, timestamp: new Date(time * 1000) }),
    components: new Models.ComponentRepository(components),
  });
  const serializer = new Serialize.JsonSerializer(new Serialize.JSON.Normalize.Factory(Spec.Spec1dot6));
  return `${serializer.serialize(bom, { sortLists: true, space: 2 })}\n`;
}

function component(name: string, version: string, purl: string): Models.Component {
  return new Models.Component(Enums.ComponentType.Library, name, { version, purl, bomRef: purl });
}
