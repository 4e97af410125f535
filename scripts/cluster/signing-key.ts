import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { exportKey, newKeys } from '../keys.ts';
import type { ClusterLayout } from './layout.ts';
import { writeSecret } from './pki.ts';

const keyFile = (layout: ClusterLayout) => path.join(layout.pki, 'image-signing.key');

/** The public half, in PEM: what nodes, and `cosign verify --key`, hold an image's signature to. */
export const signingPublicKeyFile = (layout: ClusterLayout) => path.join(layout.pki, 'image-signing.pub');

/** Makes the key that signs what the cluster's registry is given, once; its nodes run nothing else of ours. */
export async function ensureSigningKey(layout: ClusterLayout): Promise<void> {
  const publicFile = signingPublicKeyFile(layout);
  if (!existsSync(publicFile)) {
    const pem = await exportKey((await newKeys()).privateKey);
    await writeSecret(keyFile(layout), pem);
    const publicKey = createPublicKey(createPrivateKey(pem));
    await writeSecret(publicFile, publicKey.export({ type: 'spki', format: 'pem' }).toString());
  }
}

/** The private half. @throws where the cluster was never started */
export async function signingKey(layout: ClusterLayout): Promise<KeyObject> {
  return createPrivateKey(await readFile(keyFile(layout), 'utf8'));
}
