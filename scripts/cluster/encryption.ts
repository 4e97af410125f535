import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import path from 'node:path';
import type { ClusterLayout } from './layout.ts';
import { writeSecret } from './pki.ts';

/**
 * The file by which the API server encrypts Secrets before etcd has them; its key is made once. A cluster of before it
 * goes on: what lies there in plain is read by `identity`, and encrypted when it is next written.
 * @see https://kubernetes.io/docs/tasks/administer-cluster/encrypt-data/
 */
export async function ensureEncryption(layout: ClusterLayout): Promise<string> {
  const file = path.join(layout.pki, 'encryption.json');
  if (!existsSync(file)) {
    const key = { name: 'key1', secret: randomBytes(32).toString('base64') };
    const config = {
      apiVersion: 'apiserver.config.k8s.io/v1',
      kind: 'EncryptionConfiguration',
      resources: [{ resources: ['secrets'], providers: [{ secretbox: { keys: [key] } }, { identity: {} }] }],
    };
    await writeSecret(file, JSON.stringify(config));
  }
  return file;
}
