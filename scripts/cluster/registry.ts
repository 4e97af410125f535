import { createHash } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { stringify } from 'yaml';
import { addresses, type ClusterLayout } from './layout.ts';
import { ensureRunning, waitForComponent } from './processes.ts';

/** A configuration for distribution's registry: plain files below `folder`, plain HTTP on `address`. */
export function registryConfig(folder: string, address: string): string {
  return stringify({
    version: '0.1',
    log: { level: 'warn', accesslog: { disabled: true } },
    storage: { filesystem: { rootdirectory: folder }, delete: { enabled: true } },
    http: { addr: address, secret: createHash('sha256').update(folder).digest('hex') },
  });
}

/** The folder of the cluster's own registry. */
export const registryFolder = (layout: ClusterLayout) => path.join(layout.state, 'registry');

/** Starts the cluster's registry, from which every node pulls every image. */
export async function ensureRegistry(layout: ClusterLayout, bin: string): Promise<void> {
  const config = path.join(layout.state, 'registry.yaml');
  await mkdir(registryFolder(layout), { recursive: true });
  await ensureRunning(layout, {
    name: 'registry',
    owner: 'control-plane',
    namespace: layout.controlPlaneNamespace,
    command: [path.join(bin, 'registry'), 'serve', config],
    files: { [config]: registryConfig(registryFolder(layout), addresses.registry) },
    env: { OTEL_TRACES_EXPORTER: 'none' },
  });
  await waitForComponent(layout, 'registry', async () => true);
}

/** Gives an image of the registry at `address` a second tag. @throws where it has no such image */
export async function tagInRegistry(address: string, image: string, tag: string): Promise<void> {
  const [, repository, from] = /^(.+):([^/]+)$/.exec(image) ?? [];
  const manifests = `http://${address}/v2/${repository}/manifests`;
  const accept = 'application/vnd.oci.image.manifest.v1+json';
  const got = await fetch(`${manifests}/${from}`, { headers: { accept } });
  const headers = { 'content-type': got.headers.get('content-type') ?? accept };
  const put =
    got.ok && (await fetch(`${manifests}/${tag}`, { method: 'PUT', headers, body: await got.text() }));
  if (put === false || !put.ok) {
    throw new Error(`the registry has no ${image} that could be called ${tag}: ${got.status}`);
  }
}
