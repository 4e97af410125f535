import { mkdir, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import path from 'node:path';
import { stringify } from 'yaml';
import { podsGroup } from './cgroups.ts';
import { addresses, type ClusterLayout, type ClusterNode } from './layout.ts';
import { pkiKubeconfig } from './pki.ts';
import { ensureRunning, waitForComponent } from './processes.ts';
import { proxyConfig } from './proxy.ts';

/** The registries whose names the manifests use; the cluster's own registry answers for each of them. */
const mirroredRegistries = ['docker.io', 'quay.io', 'ghcr.io', 'registry.k8s.io', 'public.ecr.aws'];

export const pauseImage = 'registry.k8s.io/pause:3.10';

/** Starts the node's containerd, kubelet and kube-proxy where they do not run already. */
export async function ensureNode(layout: ClusterLayout, node: ClusterNode, bin: string): Promise<void> {
  await writeConfiguration(layout, node, bin);
  const start = (program: string, args: string[], env: NodeJS.ProcessEnv = {}) =>
    ensureRunning(layout, {
      name: `${node.name}-${program}`,
      owner: node.name,
      namespace: node.namespace,
      command: [path.join(bin, program), ...args],
      env,
    });
  // containerd finds its shim and runc on PATH.
  const searchPath = [bin, '/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];
  await start('containerd', ['--config', path.join(node.state, 'containerd.toml')], {
    PATH: searchPath.join(':'),
  });
  await waitForComponent(layout, `${node.name}-containerd`, () => accepts(containerdSocket(node)));
  await start('kubelet', [
    `--kubeconfig=${pkiKubeconfig(layout, node.name)}`,
    `--config=${path.join(node.state, 'kubelet.yaml')}`,
    `--root-dir=${path.join(node.state, 'kubelet')}`,
    `--hostname-override=${node.name}`,
    `--node-ip=${node.address}`,
  ]);
  await start('kube-proxy', [`--config=${path.join(node.state, 'kube-proxy.yaml')}`]);
}

const containerdSocket = (node: ClusterNode) => path.join(node.run, 'containerd.sock');

function accepts(socket: string): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const client = connect(socket);
  client.on('connect', () => {
    client.destroy();
    resolve(true);
  });
  client.on('error', () => resolve(false));
  return promise;
}

async function writeConfiguration(layout: ClusterLayout, node: ClusterNode, bin: string): Promise<void> {
  const inNode = (file: string) => path.join(node.state, file);
  await mkdir(inNode('cni'), { recursive: true });
  await mkdir(inNode('pod-logs'), { recursive: true });
  await mkdir(node.run, { recursive: true });
  await writeFile(inNode('containerd.toml'), containerdConfig(node, bin));
  await writeFile(inNode('cni/10-quotes.conflist'), JSON.stringify(cniConfig(node), null, 2));
  await writeFile(inNode('resolv.conf'), '');
  await writeFile(inNode('kubelet.yaml'), stringify(kubeletConfig(layout, node)));
  await writeFile(inNode('kube-proxy.yaml'), proxyConfig(pkiKubeconfig(layout, 'proxy'), node.name));
  for (const registry of mirroredRegistries) {
    const folder = inNode(path.join('registries', registry));
    await mkdir(folder, { recursive: true });
    await writeFile(path.join(folder, 'hosts.toml'), mirrorConfig(registry));
  }
}

/** Each upstream registry has a folder of its own in ours, so that equal image names do not meet. */
function mirrorConfig(registry: string): string {
  return `server = "http://${addresses.registry}"

[host."http://${addresses.registry}/v2/${registry}"]
  capabilities = ["pull", "resolve"]
  override_path = true
`;
}

function containerdConfig(node: ClusterNode, bin: string): string {
  const quoted = (value: string) => JSON.stringify(value);
  return `version = 3
root = ${quoted(path.join(node.state, 'containerd'))}
state = ${quoted(path.join(node.run, 'containerd'))}
# Shared paths below /run would make one node's plugin answer for another's.
disabled_plugins = ["io.containerd.nri.v1.nri", "io.containerd.snapshotter.v1.blockfile", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.erofs", "io.containerd.snapshotter.v1.zfs", "io.containerd.internal.v1.tracing"]

[grpc]
  address = ${quoted(containerdSocket(node))}

[ttrpc]
  address = ${quoted(path.join(node.run, 'containerd.ttrpc'))}

[plugins."io.containerd.cri.v1.images"]
  snapshotter = "overlayfs"
  max_concurrent_downloads = 6

[plugins."io.containerd.cri.v1.images".pinned_images]
  sandbox = ${quoted(pauseImage)}

[plugins."io.containerd.cri.v1.images".registry]
  config_path = ${quoted(path.join(node.state, 'registries'))}

[plugins."io.containerd.cri.v1.runtime"]
  restrict_oom_score_adj = true
  # Keeps the pods' network namespaces out of /run/netns, where stopping would not find them.
  netns_mounts_under_state_dir = true

[plugins."io.containerd.cri.v1.runtime".containerd]
  default_runtime_name = "runc"

[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"

[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
  SystemdCgroup = false

[plugins."io.containerd.cri.v1.runtime".cni]
  bin_dirs = [${quoted(bin)}]
  conf_dir = ${quoted(path.join(node.state, 'cni'))}
`;
}

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
    containerRuntimeEndpoint: `unix://${containerdSocket(node)}`,
    cgroupDriver: 'cgroupfs',
    cgroupRoot: `/${podsGroup(layout, node.name)}`,
    // Debian 12 may boot with cgroup v1; kubelet refuses it by default from 1.35 on.
    failCgroupV1: false,
    failSwapOn: false,
    resolvConf: path.join(node.state, 'resolv.conf'),
    podLogsDir: path.join(node.state, 'pod-logs'),
    nodeStatusUpdateFrequency: '2s',
    nodeLeaseDurationSeconds: 8,
    // The nodes share one disk: each would collect garbage for what the others, or the user, put there.
    imageGCHighThresholdPercent: 100,
    evictionHard: { 'nodefs.available': '0%', 'imagefs.available': '0%', 'memory.available': '100Mi' },
    serializeImagePulls: false,
    registryPullQPS: 0,
    // Pods of the last run are gone after a stop; waiting for them would delay the next start.
    shutdownGracePeriod: '0s',
  };
}
