import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { Readable } from 'node:stream';
import { execa } from 'execa';
import { type Environment, environments } from '../../environment.ts';
import { addresses, type ClusterLayout } from '../layout.ts';
import { ensureRunning, waitForComponent } from '../processes.ts';

/** The HAProxy that base/edge runs too, out of the cluster's own registry: nothing more to install. */
const image = { repository: 'docker.io/library/haproxy', tag: '2.6-bookworm' };

const ports: Record<Environment, number> = { dev: 8001, staging: 8002, prod: 8003 };

/** Where, in the control plane's namespace, the entrance to an environment listens. */
export function entranceAddress(environment: Environment): string {
  return `127.0.0.1:${ports[environment]}`;
}

/**
 * Starts the load balancer before the edges where it does not run as it should. `registry` is where the cluster's
 * registry answers.
 * @throws when the registry lacks the image
 */
export async function ensureEntrance(layout: ClusterLayout, registry: string): Promise<void> {
  const root = await unpackImage(path.join(layout.state, 'entrance'), registry);
  const configuration = '/etc/haproxy/entrance.cfg';
  const name = 'entrance';
  await ensureRunning(layout, {
    name,
    owner: 'entrance',
    namespace: layout.controlPlaneNamespace,
    command: ['chroot', root, '/usr/sbin/haproxy', '-db', '-f', configuration],
    files: { [path.join(root, configuration)]: await configurationText() },
  });
  await waitForComponent(layout, name, async () => true);
}

async function configurationText(): Promise<string> {
  const common = await readFile(path.join(import.meta.dirname, 'entrance.cfg'), 'utf8');
  const ways = environments.map(
    (environment) => `
frontend ${environment}
  bind ${entranceAddress(environment)}
  # Only what may be asked twice is: a POST that was sent may have been done.
  http-request disable-l7-retry if !METH_GET !METH_HEAD
  default_backend ${environment}

backend ${environment}
  server-template edge 4 edge-pods.${environment}.svc.cluster.local:8080
`,
  );
  return common.replace('DNS', `${addresses.dnsService}:53`) + ways.join('');
}

type Manifest = { layers: { digest: string; mediaType: string }[] };

/** Puts the image's files into a folder, once a digest; returns the folder. */
async function unpackImage(folder: string, registry: string): Promise<string> {
  const base = `http://${registry}/v2/${image.repository}`;
  const answer = await fetch(`${base}/manifests/${image.tag}`, {
    headers: {
      accept:
        'application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json',
    },
  });
  if (!answer.ok) {
    throw new Error(
      `the cluster's registry has no ${image.repository}:${image.tag} (HTTP ${answer.status}).`,
    );
  }
  const digest = answer.headers.get('docker-content-digest') ?? '';
  const root = path.join(folder, digest.replace('sha256:', '').slice(0, 12));
  if (existsSync(root)) {
    return root;
  }
  const { layers } = (await answer.json()) as Manifest;
  const draft = `${root}.draft`;
  await rm(draft, { recursive: true, force: true });
  await mkdir(draft, { recursive: true });
  for (const layer of layers) {
    const { body, ok } = await fetch(`${base}/blobs/${layer.digest}`);
    if (body === null || !ok) {
      throw new Error(`the cluster's registry lacks ${layer.digest} of ${image.repository}:${image.tag}.`);
    }
    const compressed = layer.mediaType.endsWith('gzip') ? ['--gzip'] : [];
    await execa('tar', ['--extract', ...compressed, `--directory=${draft}`], {
      input: Readable.fromWeb(body),
    });
  }
  await rename(draft, root);
  return root;
}
