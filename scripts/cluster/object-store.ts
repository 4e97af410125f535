import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import type { ObjectStoreKey } from '../gitops/secrets.ts';
import { goTools } from '../tools/go.ts';
import { answers } from './answers.ts';
import { addresses, type ClusterLayout } from './layout.ts';
import { writeSecret } from './pki.ts';
import { ensureRunning, waitForComponent } from './processes.ts';

/** The buckets that there are from the start. */
const buckets = ['backups'];

/** The object store's key: the first call makes one, and all get that. */
export async function objectStoreKey(layout: ClusterLayout): Promise<ObjectStoreKey> {
  const file = path.join(layout.state, 'object-store.key');
  if (!existsSync(file)) {
    const key: ObjectStoreKey = {
      accessKeyId: randomBytes(10).toString('hex'),
      secretAccessKey: randomBytes(24).toString('base64url'),
    };
    await writeSecret(file, JSON.stringify(key));
  }
  return JSON.parse(await readFile(file, 'utf8'));
}

/** Starts the S3 that a cloud would have: files below the cluster's state, outside its nodes. */
export async function ensureObjectStore(layout: ClusterLayout): Promise<void> {
  const folder = path.join(layout.state, 'object-store', 'buckets');
  const metadata = path.join(layout.state, 'object-store', 'metadata');
  for (const made of [...buckets.map((bucket) => path.join(folder, bucket)), metadata]) {
    await mkdir(made, { recursive: true });
  }
  const key = await objectStoreKey(layout);
  const serve = ['--port', addresses.objectStore, '--health', '/healthz', '--quiet'];
  const program = path.join(await goTools('object-store'), 'versitygw');
  const name = 'object-store';
  await ensureRunning(layout, {
    name,
    owner: 'control-plane',
    namespace: layout.controlPlaneNamespace,
    // Metadata in files beside: not every file system has extended attributes.
    command: [program, ...serve, 'posix', '--sidecar', metadata, folder],
    env: { ROOT_ACCESS_KEY_ID: key.accessKeyId, ROOT_SECRET_ACCESS_KEY: key.secretAccessKey },
  });
  const url = `http://${addresses.objectStore}/healthz`;
  await waitForComponent(layout, name, () => answers(layout, url, '--fail'));
}
