import { randomBytes } from 'node:crypto';
import { environments } from '../environment.ts';
import { day, exportKey, keyAlgorithm, newKeys, x509 } from '../keys.ts';
import { type Kubectl, KubectlError } from './kubectl.ts';

/** What a client of an object store signs its requests with. */
export interface ObjectStoreKey {
  accessKeyId: string;
  secretAccessKey: string;
}

/** The role that owns the database, as base/postgres-single and base/postgres-ha name it. */
export const databaseOwner = 'quotes';

/** Whom quote-app logs in as. */
export const loginSecret = 'postgres-credentials';

/** The owner's password: the database is made with it, and quote-app logs in by it until the first rotation. */
export const ownerSecret = 'postgres-owner';

/** Creates each environment's namespace and database passwords where they are missing. Git holds no secret. */
export async function ensureDatabaseSecrets(kubectl: Kubectl): Promise<void> {
  await createMissing(
    kubectl,
    (await Promise.all(environments.map((name) => ofDatabase(kubectl, name)))).flat(),
  );
}

async function ofDatabase(kubectl: Kubectl, namespace: string): Promise<object[]> {
  const read = ['get', 'secret', loginSecret, `--namespace=${namespace}`];
  const present = (await kubectl.json<{ data: Record<string, string> }>(read))?.data;
  const owner = { username: base64(databaseOwner), password: base64(newPassword()) };
  if (present !== undefined && present.username === undefined) {
    // Secrets from before November 2026 have a password alone.
    const patch = JSON.stringify({ data: { username: owner.username } });
    await kubectl(['patch', 'secret', loginSecret, `--namespace=${namespace}`, `--patch=${patch}`]);
  }
  const isOwners = present !== undefined && (present.username ?? owner.username) === owner.username;
  const secret = (name: string, data: Record<string, string>) => ({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name, namespace },
    data,
  });
  return [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } },
    secret(loginSecret, owner),
    // The operator gives the owner this password: another than quote-app has would lock it out.
    secret(ownerSecret, isOwners ? { ...owner, ...present } : owner),
  ];
}

/** A password that nobody can guess. */
export function newPassword(): string {
  return randomBytes(24).toString('base64url');
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}

/**
 * Creates the operator's namespace with the certificates by which it and its plug-in for backups know each other, and in
 * prod the object store's key, where they are missing. Where the key is another's to give, none is made.
 */
export async function ensureBackupSecrets(kubectl: Kubectl, key: ObjectStoreKey | undefined): Promise<void> {
  const namespace = 'cnpg-system';
  const tls = async (name: string) => ({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: `${name}-tls`, namespace },
    type: 'kubernetes.io/tls',
    stringData: await selfSigned(name === 'barman-cloud-server' ? 'barman-cloud' : name),
  });
  await createMissing(kubectl, [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } },
    await tls('barman-cloud-server'),
    await tls('barman-cloud-client'),
    ...(key === undefined ? [] : [backupCredentials(key)]),
  ]);
}

/** The Secret by which prod's backups sign what they send. */
export function backupCredentials({ accessKeyId, secretAccessKey }: ObjectStoreKey): object {
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'backup-credentials', namespace: 'prod' },
    stringData: { ACCESS_KEY_ID: accessKeyId, ACCESS_SECRET_KEY: secretAccessKey },
  };
}

/** A certificate that vouches for itself under a name, for ten years, in the form of a TLS Secret's data. */
async function selfSigned(name: string): Promise<Record<string, string>> {
  const keys = await newKeys();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: `CN=${name}`,
    keys,
    notAfter: new Date(Date.now() + 3650 * day),
    signingAlgorithm: keyAlgorithm,
    extensions: [
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([
        x509.ExtendedKeyUsage.clientAuth,
        x509.ExtendedKeyUsage.serverAuth,
      ]),
      new x509.SubjectAlternativeNameExtension([{ type: 'dns', value: name }]),
    ],
  });
  return { 'tls.crt': certificate.toString('pem'), 'tls.key': await exportKey(keys.privateKey) };
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
    stringData: { auth: newPassword() },
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
  const secret = newPassword();
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
