import { createPrivateKey, createPublicKey, type webcrypto } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { day, exportKey, importKey, keyAlgorithm, newKeys, x509 } from '../keys.ts';
import { addresses, type ClusterLayout } from './layout.ts';

/** Who a certificate is for: the common name, its groups (organizations) and the names it serves under. */
interface Identity {
  file: string;
  user: string;
  groups?: string[];
  dns?: string[];
  ip?: string[];
}

const nodeIdentity = (node: { name: string; address: string }): Identity => ({
  file: node.name,
  user: `system:node:${node.name}`,
  groups: ['system:nodes'],
  dns: [node.name],
  ip: [node.address],
});

/** The identities that kubeadm's documentation names, plus one certificate per node. */
function identities(layout: ClusterLayout): Identity[] {
  return [
    {
      file: 'apiserver',
      user: 'kube-apiserver',
      dns: [
        'localhost',
        'kubernetes',
        'kubernetes.default',
        'kubernetes.default.svc',
        'kubernetes.default.svc.cluster.local',
      ],
      ip: ['127.0.0.1', addresses.kubernetesService, addresses.controlPlane],
    },
    { file: 'admin', user: 'admin', groups: ['system:masters'] },
    { file: 'controller-manager', user: 'system:kube-controller-manager' },
    { file: 'scheduler', user: 'system:kube-scheduler' },
    { file: 'proxy', user: 'system:kube-proxy' },
    { file: 'front-proxy', user: 'front-proxy' },
    { file: 'network-policy', user: 'network-policy' },
    { file: 'status-page', user: 'status-page' },
    { file: 'upstream-mirror', user: 'upstream-mirror', dns: ['raw.githubusercontent.com'] },
    { file: 'kubelet-client', user: 'apiserver-kubelet-client', groups: ['system:masters'] },
    ...layout.nodes.map(nodeIdentity),
  ];
}

/** Makes the keys and certificates that are missing or end within 30 days, and a kubeconfig for each client. */
export async function ensurePki(layout: ClusterLayout): Promise<void> {
  await mkdir(layout.pki, { recursive: true, mode: 0o700 });
  const authority = await ensureAuthority(layout);
  await ensureServiceAccountKey(layout);
  for (const identity of identities(layout)) {
    await ensureCertificate(layout, authority, identity);
    await writeKubeconfig(
      layout,
      identity.file,
      `https://${addresses.apiServer}`,
      pkiKubeconfig(layout, identity.file),
    );
  }
}

/** The kubeconfig that a component of the cluster uses. */
export const pkiKubeconfig = (layout: ClusterLayout, client: string) =>
  path.join(layout.pki, `${client}.kubeconfig`);

/** Writes a kubeconfig with the client's key embedded. Cluster, user and context carry the cluster's name. */
export async function writeKubeconfig(
  layout: ClusterLayout,
  client: string,
  server: string,
  file: string,
): Promise<void> {
  const base64 = async (name: string) => (await readFile(path.join(layout.pki, name))).toString('base64');
  const name = `quotes-${layout.name}`;
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': name,
    clusters: [{ name, cluster: { server, 'certificate-authority-data': await base64('ca.crt') } }],
    users: [
      {
        name,
        user: {
          'client-certificate-data': await base64(`${client}.crt`),
          'client-key-data': await base64(`${client}.key`),
        },
      },
    ],
    contexts: [{ name, context: { cluster: name, user: name } }],
  };
  await writeSecret(file, JSON.stringify(config, null, 2)); // JSON is YAML
}

interface Authority {
  certificate: x509.X509Certificate;
  key: webcrypto.CryptoKey;
}

async function ensureAuthority(layout: ClusterLayout): Promise<Authority> {
  const [certificateFile, keyFile] = [path.join(layout.pki, 'ca.crt'), path.join(layout.pki, 'ca.key')];
  if (existsSync(certificateFile)) {
    return {
      certificate: new x509.X509Certificate(await readFile(certificateFile, 'utf8')),
      key: await importKey(await readFile(keyFile, 'utf8')),
    };
  }
  const keys = await newKeys();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: 'CN=quotes',
    keys,
    notAfter: new Date(Date.now() + 3650 * day),
    signingAlgorithm: keyAlgorithm,
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
    ],
  });
  await writeSecret(keyFile, await exportKey(keys.privateKey));
  await writeSecret(certificateFile, certificate.toString('pem'));
  return { certificate, key: keys.privateKey };
}

async function ensureServiceAccountKey(layout: ClusterLayout): Promise<void> {
  const publicFile = path.join(layout.pki, 'service-account.pub');
  if (existsSync(publicFile)) {
    return;
  }
  const pem = await exportKey((await newKeys()).privateKey);
  await writeSecret(path.join(layout.pki, 'service-account.key'), pem);
  const publicKey = createPublicKey(createPrivateKey(pem));
  await writeSecret(publicFile, publicKey.export({ type: 'spki', format: 'pem' }).toString());
}

async function ensureCertificate(layout: ClusterLayout, authority: Authority, identity: Identity) {
  const file = path.join(layout.pki, `${identity.file}.crt`);
  if (existsSync(file)) {
    const present = new x509.X509Certificate(await readFile(file, 'utf8'));
    if (present.notAfter.getTime() > Date.now() + 30 * day) {
      return;
    }
  }
  const keys = await newKeys();
  const names: x509.JsonGeneralNames = [
    ...(identity.dns ?? []).map((value) => ({ type: 'dns' as const, value })),
    ...(identity.ip ?? []).map((value) => ({ type: 'ip' as const, value })),
  ];
  const usages = [x509.ExtendedKeyUsage.clientAuth, x509.ExtendedKeyUsage.serverAuth];
  const certificate = await x509.X509CertificateGenerator.create({
    subject: [...(identity.groups ?? []).map((group) => ({ O: [group] })), { CN: [identity.user] }],
    issuer: authority.certificate.subject,
    publicKey: keys.publicKey,
    signingKey: authority.key,
    signingAlgorithm: keyAlgorithm,
    notAfter: new Date(Date.now() + 365 * day),
    extensions: [
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension(usages),
      await x509.AuthorityKeyIdentifierExtension.create(authority.certificate),
      ...(names.length > 0 ? [new x509.SubjectAlternativeNameExtension(names)] : []),
    ],
  });
  // The certificate last: where it is, the key is too.
  await writeSecret(path.join(layout.pki, `${identity.file}.key`), await exportKey(keys.privateKey));
  await writeSecret(file, certificate.toString('pem'));
}

/** Writes the file for root's eyes only, whole or not at all. */
export async function writeSecret(file: string, content: string): Promise<void> {
  const draft = `${file}.${process.pid}`;
  await writeFile(draft, content, { mode: 0o600 });
  await rename(draft, file);
}
