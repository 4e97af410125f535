import { mkdir } from 'node:fs/promises';
import { totalmem } from 'node:os';
import path from 'node:path';
import { stringify } from 'yaml';
import { podsGroup } from './cgroups.ts';
import {
  accepts,
  type Containerd,
  containerdConfig,
  containerdEnvironment,
  writeMirrors,
} from './containerd.ts';
import {
  ensureImageVerifier,
  verifierConfig,
  verifierEnvironment,
  verifiersFolder,
} from './image-verifier.ts';
import { addresses, type ClusterLayout, type ClusterNode } from './layout.ts';
import { ensureAgent, pluginConfig, pluginFolder } from './network-policy/component.ts';
import { pkiKubeconfig } from './pki.ts';
import { type Component, ensureRunning, waitForComponent } from './processes.ts';
import { proxyConfig } from './proxy.ts';

/** What pods may request on a node, in bytes, as on a small machine of a cloud. */
const nodeMemory = 3 * 2 ** 30;
/** Beyond that, pods that use more than they requested are evicted; that much later the kernel kills. */
export const evictionMemory = 2 ** 29;

/** Starts the node's containerd, kubelet, kube-proxy and network-policy agent where they do not run already, as they should. */
export async function ensureNode(layout: ClusterLayout, node: ClusterNode, bin: string): Promise<void> {
  const inNode = (file: string) => path.join(node.state, file);
  await mkdir(inNode('pod-logs'), { recursive: true });
  await mkdir(node.run, { recursive: true });
  await writeMirrors(inNode('registries'), addresses.registry);
  const start = (
    program: string,
    args: string[],
    files: NonNullable<Component['files']>,
    env: NodeJS.ProcessEnv = {},
  ) =>
    ensureRunning(layout, {
      name: `${node.name}-${program}`,
      owner: node.name,
      namespace: node.namespace,
      command: [path.join(bin, program), ...args],
      files,
      env,
    });
  await ensureImageVerifier(node);
  const containerd = containerdOf(node, bin);
  await start(
    'containerd',
    ['--config', inNode('containerd.toml')],
    {
      [inNode('containerd.toml')]: containerdConfig(containerd),
      [inNode('cni/10-quotes.conflist')]: JSON.stringify(cniConfig(node), null, 2),
      ...(await verifierConfig(layout, node)),
    },
    { ...containerdEnvironment(bin), ...verifierEnvironment(node) },
  );
  await waitForComponent(layout, `${node.name}-containerd`, () => accepts(containerd.socket));
  // Before kubelet: no pod of the node is there before what holds it.
  await ensureAgent(layout, node);
  await start(
    'kubelet',
    [
      `--kubeconfig=${pkiKubeconfig(layout, node.name)}`,
      `--config=${inNode('kubelet.yaml')}`,
      `--root-dir=${inNode('kubelet')}`,
      `--hostname-override=${node.name}`,
      `--node-ip=${node.address}`,
    ],
    { [inNode('kubelet.yaml')]: stringify(kubeletConfig(layout, node)), [inNode('resolv.conf')]: '' },
  );
  await start('kube-proxy', [`--config=${inNode('kube-proxy.yaml')}`], {
    [inNode('kube-proxy.yaml')]: proxyConfig(pkiKubeconfig(layout, 'proxy'), node.name),
  });
}

/** Where the node's containerd keeps its things. */
export const containerdOf = (node: ClusterNode, bin: string): Containerd => ({
  root: path.join(node.state, 'containerd'),
  run: path.join(node.run, 'containerd'),
  socket: path.join(node.run, 'containerd.sock'),
  mirrors: path.join(node.state, 'registries'),
  networks: path.join(node.state, 'cni'),
  plugins: [bin, pluginFolder],
  verifiers: verifiersFolder(node),
});

function cniConfig(node: ClusterNode) {
  return {
    cniVersion: '1.0.0',
    name: 'quotes',
    plugins: [
      {
        // Routed, not bridged: a bridged answer between two pods of one node would bypass kube-proxy's NAT.
        type: 'ptp',
        ipMasq: false,
        ipam: {
          type: 'host-local',
          dataDir: path.join(node.state, 'ipam'),
          ranges: [[{ subnet: node.podSubnet }]],
          routes: [{ dst: '0.0.0.0/0' }],
        },
      },
      pluginConfig(node),
    ],
  };
}

function kubeletConfig(layout: ClusterLayout, node: ClusterNode) {
  const pki = (file: string) => path.join(layout.pki, file);
  return {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    authentication: {
      anonymous: { enabled: false },
      webhook: { enabled: true },
      x509: { clientCAFile: pki('ca.crt') },
    },
    authorization: { mode: 'Webhook' },
    tlsCertFile: pki(`${node.name}.crt`),
    tlsPrivateKeyFile: pki(`${node.name}.key`),
    clusterDNS: [addresses.dnsService],
    clusterDomain: 'cluster.local',
    containerRuntimeEndpoint: `unix://${path.join(node.run, 'containerd.sock')}`,
    cgroupDriver: 'cgroupfs',
    cgroupRoot: `/${podsGroup(layout, node.name)}`,
    // Debian 12 may boot with cgroup v1; kubelet refuses it by default from 1.35 on.
    failCgroupV1: false,
    failSwapOn: false,
    resolvConf: path.join(node.state, 'resolv.conf'),
    podLogsDir: path.join(node.state, 'pod-logs'),
    nodeStatusUpdateFrequency: '2s',
    nodeLeaseDurationSeconds: 4,
    // Not the default's five minutes: what pressed is gone when it is evicted.
    evictionPressureTransitionPeriod: '30s',
    // The nodes share one disk: each would collect garbage for what the others, or the user, put there.
    imageGCHighThresholdPercent: 100,
    // A third of the machine would differ from one to the next; what is not the node's counts as the system's.
    systemReserved: { memory: String(Math.max(0, totalmem() - nodeMemory - evictionMemory)) },
    evictionHard: {
      'nodefs.available': '0%',
      'imagefs.available': '0%',
      'memory.available': String(evictionMemory),
    },
    serializeImagePulls: false,
    registryPullQPS: 0,
    // Pods of the last run are gone after a stop; waiting for them would delay the next start.
    shutdownGracePeriod: '0s',
  };
}
