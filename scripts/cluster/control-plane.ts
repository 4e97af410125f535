import { mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { answers } from './answers.ts';
import { ensureEncryption } from './encryption.ts';
import { addresses, type ClusterLayout } from './layout.ts';
import { pkiKubeconfig } from './pki.ts';
import { type Component, ensureRunning, waitForComponent } from './processes.ts';
import { proxyConfig } from './proxy.ts';

/** Starts etcd, the API server and what watches it, and returns when the API answers. */
export async function ensureControlPlane(layout: ClusterLayout, bin: string): Promise<void> {
  const component = (name: string, program: string, args: string[]): Component => ({
    name,
    owner: 'control-plane',
    namespace: layout.controlPlaneNamespace,
    command: [path.join(bin, program), ...args],
  });
  await mkdir(path.join(layout.state, 'etcd'), { recursive: true, mode: 0o700 });
  await ensureRunning(layout, component('etcd', 'etcd', etcdArguments(layout)));
  const encryption = await ensureEncryption(layout);
  await ensureRunning(layout, {
    ...component('kube-apiserver', 'kube-apiserver', apiServerArguments(layout, encryption)),
    files: {
      [auditPolicy(layout)]: await readFile(path.join(import.meta.dirname, 'audit-policy.yaml'), 'utf8'),
    },
  });
  await waitForComponent(layout, 'kube-apiserver', () => apiAnswers(layout));
  const manager = controllerManagerArguments(layout);
  await ensureRunning(layout, component('kube-controller-manager', 'kube-controller-manager', manager));
  const scheduler = [`--kubeconfig=${pkiKubeconfig(layout, 'scheduler')}`, '--leader-elect=false'];
  await ensureRunning(layout, component('kube-scheduler', 'kube-scheduler', scheduler));
}

/** A kube-proxy beside the API server: admission webhooks and the gateway reach Services through it. */
export async function ensureControlPlaneProxy(layout: ClusterLayout, bin: string): Promise<void> {
  const config = path.join(layout.state, 'kube-proxy.yaml');
  // It takes part under the first node's name only because kube-proxy insists on a Node that exists.
  const hostname = layout.nodes[0]?.name ?? '';
  await ensureRunning(layout, {
    name: 'kube-proxy',
    owner: 'control-plane',
    namespace: layout.controlPlaneNamespace,
    command: [path.join(bin, 'kube-proxy'), `--config=${config}`],
    files: { [config]: proxyConfig(pkiKubeconfig(layout, 'proxy'), hostname) },
  });
}

async function apiAnswers(layout: ClusterLayout): Promise<boolean> {
  const pki = (file: string) => path.join(layout.pki, file);
  const identity = ['--cacert', pki('ca.crt'), '--cert', pki('admin.crt'), '--key', pki('admin.key')];
  return answers(layout, `https://${addresses.apiServer}/readyz`, '--fail', '--max-time', '5', ...identity);
}

function etcdArguments(layout: ClusterLayout): string[] {
  return [
    `--data-dir=${path.join(layout.state, 'etcd')}`,
    '--listen-client-urls=http://127.0.0.1:2379',
    '--advertise-client-urls=http://127.0.0.1:2379',
    '--listen-peer-urls=http://127.0.0.1:2380',
    // Survives every process being killed, not the machine losing power: fit for a cluster that Git rebuilds.
    '--unsafe-no-fsync',
  ];
}

const auditPolicy = (layout: ClusterLayout) => path.join(layout.state, 'audit-policy.yaml');

function apiServerArguments(layout: ClusterLayout, encryption: string): string[] {
  const pki = (file: string) => path.join(layout.pki, file);
  return [
    '--etcd-servers=http://127.0.0.1:2379',
    `--advertise-address=${addresses.controlPlane}`,
    '--secure-port=6443',
    `--tls-cert-file=${pki('apiserver.crt')}`,
    `--tls-private-key-file=${pki('apiserver.key')}`,
    `--client-ca-file=${pki('ca.crt')}`,
    `--service-account-key-file=${pki('service-account.pub')}`,
    `--service-account-signing-key-file=${pki('service-account.key')}`,
    '--service-account-issuer=https://kubernetes.default.svc.cluster.local',
    `--service-cluster-ip-range=${addresses.serviceSubnet}`,
    '--authorization-mode=Node,RBAC',
    '--enable-admission-plugins=NodeRestriction',
    '--anonymous-auth=false',
    `--encryption-provider-config=${encryption}`,
    `--audit-policy-file=${auditPolicy(layout)}`,
    `--audit-log-path=${path.join(layout.logs, 'audit.log')}`,
    // MiB, files, days: enough for a day of drills.
    '--audit-log-maxsize=20',
    '--audit-log-maxbackup=4',
    '--audit-log-maxage=30',
    '--allow-privileged=true',
    `--kubelet-certificate-authority=${pki('ca.crt')}`,
    `--kubelet-client-certificate=${pki('kubelet-client.crt')}`,
    `--kubelet-client-key=${pki('kubelet-client.key')}`,
    // Node names are in no DNS: logs and exec would look them up.
    '--kubelet-preferred-address-types=InternalIP',
    `--requestheader-client-ca-file=${pki('ca.crt')}`,
    '--requestheader-allowed-names=front-proxy',
    '--requestheader-extra-headers-prefix=X-Remote-Extra-',
    '--requestheader-group-headers=X-Remote-Group',
    '--requestheader-username-headers=X-Remote-User',
    `--proxy-client-cert-file=${pki('front-proxy.crt')}`,
    `--proxy-client-key-file=${pki('front-proxy.key')}`,
  ];
}

function controllerManagerArguments(layout: ClusterLayout): string[] {
  const pki = (file: string) => path.join(layout.pki, file);
  return [
    `--kubeconfig=${pkiKubeconfig(layout, 'controller-manager')}`,
    `--root-ca-file=${pki('ca.crt')}`,
    `--service-account-private-key-file=${pki('service-account.key')}`,
    '--use-service-account-credentials=true',
    `--cluster-cidr=${addresses.podSubnet}`,
    '--allocate-node-cidrs=false',
    `--cluster-signing-cert-file=${pki('ca.crt')}`,
    `--cluster-signing-key-file=${pki('ca.key')}`,
    '--leader-elect=false',
    // A lost node is noticed after 6 s without a renewal of its lease, one a second, or a report of its status, one in
    // two; the defaults take 50 (docs/decisions/0008).
    '--node-monitor-grace-period=6s',
    '--node-monitor-period=1s',
  ];
}
