import { randomBytes } from 'node:crypto';
import { environments } from '../environments.ts';
import { type Kubectl, KubectlError } from './kubectl.ts';

/** Creates each environment's namespace and database password where they are missing. Git holds no secret. */
export async function ensureDatabaseSecrets(kubectl: Kubectl): Promise<void> {
  await createMissing(
    kubectl,
    environments.flatMap((environment) => [
      { apiVersion: 'v1', kind: 'Namespace', metadata: { name: environment } },
      {
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name: 'postgres-credentials', namespace: environment },
        stringData: { password: randomBytes(24).toString('base64url') },
      },
    ]),
  );
}

/**
 * Creates the password of Argo CD's Redis where it is missing. An init container would too, but pods that are up
 * before it fail and back off for ten seconds.
 */
export async function ensureRedisSecret(kubectl: Kubectl): Promise<void> {
  const redis = {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'argocd-redis', namespace: 'argocd' },
    stringData: { auth: randomBytes(24).toString('base64url') },
  };
  await createMissing(kubectl, [redis]);
}

/** The secret that signs webhooks: Argo CD's own where it has one, else a new one written to argocd-secret. */
export async function ensureWebhookSecret(kubectl: Kubectl): Promise<string> {
  const key = 'webhook.github.secret';
  const read = ['get', 'secret', 'argocd-secret', '--namespace=argocd'];
  const present = await kubectl.json<{ data?: Record<string, string> }>(read);
  const value = present?.data?.[key];
  if (value !== undefined) {
    return Buffer.from(value, 'base64').toString();
  }
  const secret = randomBytes(24).toString('base64url');
  const patch = JSON.stringify({ stringData: { [key]: secret } });
  await kubectl(['patch', 'secret', 'argocd-secret', '--namespace=argocd', `--patch=${patch}`]);
  return secret;
}

/** What is there stays as it is: a new password would lock the database that has the old one. */
async function createMissing(kubectl: Kubectl, items: object[]): Promise<void> {
  try {
    await kubectl(['create', '--filename=-'], JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));
  } catch (error) {
    const complaints =
      error instanceof KubectlError ? error.message.match(/Error from server \(\w+\)/g) : null;
    if (complaints?.every((complaint) => complaint.includes('AlreadyExists')) !== true) {
      throw error;
    }
  }
}
