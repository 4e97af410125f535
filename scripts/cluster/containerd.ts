import { mkdir, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import path from 'node:path';

/** The registries whose names the manifests use; the cluster's own registry answers for each of them. */
const mirroredRegistries = ['docker.io', 'quay.io', 'ghcr.io', 'registry.k8s.io', 'public.ecr.aws'];

export const pauseImage = 'registry.k8s.io/pause:3.10';

/** Where one containerd keeps its things. */
export interface Containerd {
  /** Images and snapshots; stays over a restart. */
  root: string;
  /** What ends with its processes. */
  run: string;
  socket: string;
  /** The folder of a hosts.toml per mirrored registry. */
  mirrors: string;
  /** The folder of CNI's configuration. */
  networks: string;
  /** The folders of CNI's plug-ins. */
  plugins: string[];
  /** The folder of what is asked before an image is pulled. */
  verifiers: string;
}

/** containerd finds its shim and runc on PATH. */
export function containerdEnvironment(bin: string): NodeJS.ProcessEnv {
  const folders = [bin, '/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];
  return { PATH: folders.join(':') };
}

/** Whether something listens on the socket. */
export function accepts(socket: string): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const client = connect(socket);
  client.on('connect', () => {
    client.destroy();
    resolve(true);
  });
  client.on('error', () => resolve(false));
  return promise;
}

/** Writes, for containerd, that the registry at `address` answers for every mirrored one. */
export async function writeMirrors(folder: string, address: string): Promise<void> {
  for (const registry of mirroredRegistries) {
    await mkdir(path.join(folder, registry), { recursive: true });
    await writeFile(path.join(folder, registry, 'hosts.toml'), mirrorConfig(registry, address));
  }
}

/** Each upstream registry has a folder of its own in ours, so that equal image names do not meet. */
function mirrorConfig(registry: string, address: string): string {
  return `server = "http://${address}"

[host."http://${address}/v2/${registry}"]
  capabilities = ["pull", "resolve"]
  override_path = true
`;
}

/** containerd's configuration file. */
export function containerdConfig({
  root,
  run,
  socket,
  mirrors,
  networks,
  plugins,
  verifiers,
}: Containerd): string {
  const quoted = (value: string) => JSON.stringify(value);
  return `version = 3
root = ${quoted(root)}
state = ${quoted(run)}
# Shared paths below /run would make one node's plugin answer for another's.
disabled_plugins = ["io.containerd.nri.v1.nri", "io.containerd.snapshotter.v1.blockfile", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.erofs", "io.containerd.snapshotter.v1.zfs", "io.containerd.internal.v1.tracing"]

[grpc]
  address = ${quoted(socket)}

[ttrpc]
  address = ${quoted(`${socket}.ttrpc`)}

[plugins."io.containerd.cri.v1.images"]
  snapshotter = "overlayfs"
  # Each of six settings here, max_concurrent_downloads too, has containerd pull in a way that asks no verifier.
  use_local_image_pull = false

[plugins."io.containerd.transfer.v1.local"]
  max_concurrent_downloads = 6

[plugins."io.containerd.image-verifier.v1.bindir"]
  bin_dir = ${quoted(verifiers)}
  per_verifier_timeout = "10s"

[plugins."io.containerd.cri.v1.images".pinned_images]
  sandbox = ${quoted(pauseImage)}

[plugins."io.containerd.cri.v1.images".registry]
  config_path = ${quoted(mirrors)}

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
  bin_dirs = ${JSON.stringify(plugins)}
  conf_dir = ${quoted(networks)}
`;
}
