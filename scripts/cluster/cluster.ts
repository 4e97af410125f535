import { existsSync } from 'node:fs';
import { chmod, mkdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { kubectlFor } from '../gitops/kubectl.ts';
import { pushArtifact } from '../images/artifact.ts';
import { pushImage, removeInterruptedBuilds } from '../images/buildah.ts';
import { imageSignature, sbomAttestation } from '../images/signature.ts';
import { goTools } from '../tools/go.ts';
import { applyAddons } from './addons.ts';
import { createCgroups, processesOfPod, removeCgroups } from './cgroups.ts';
import { removeCniResults } from './cni-results.ts';
import { ensureControlPlane, ensureControlPlaneProxy } from './control-plane.ts';
import { ensureEntrance } from './entrance/entrance.ts';
import { ensureGateway, type Ports, readPorts } from './gateway/gateway.ts';
import { ensureGitServer } from './git-server/git-server.ts';
import { buildImages, copyImages } from './images.ts';
import { type ClusterLayout, type ClusterNode, clusterLayout } from './layout.ts';
import { unmountAll } from './mounts.ts';
import { createNetwork, networkIsWhole, removeNetwork, setNodeLink } from './network.ts';
import { agentsRights } from './network-policy/component.ts';
import { containerdOf, ensureNode } from './node.ts';
import { stockNode } from './node-images.ts';
import { ensureObjectStore } from './object-store.ts';
import { ensurePki, writeKubeconfig } from './pki.ts';
import { kill, killCluster, killNode, recordedComponents, runningPid, stopComponent } from './processes.ts';
import { ensureRegistry, registryFolder, tagInRegistry } from './registry.ts';
import { ensureSigningKey, signingKey } from './signing-key.ts';
import { makeSmallVolume, type SmallVolume } from './small-volume.ts';
import { ensureUpstreamMirror } from './upstream-mirror/upstream-mirror.ts';

/** What the rest of the project may ask of a cluster. kind or a cloud could answer the same. */
export interface Cluster {
  name: string;
  /** Brings up what does not run and mends what is broken. Safe to call again at any time. */
  start(report: (doing: string) => void): Promise<Ports>;
  /** Ends every process and takes away every namespace, mount and cgroup. Data stay unless purged. */
  stop(report: (doing: string) => void, options: { purge: boolean }): Promise<void>;
  kubeconfig: string;
  /** Signs an image of the local store and makes it available to every node; returns its digest. */
  loadImage(image: string): Promise<string>;
  /** Puts a signed SBOM beside an image of the cluster's registry. */
  attestImage(image: string, digest: string, sbom: string): Promise<void>;
  /** Pulls the node's cable and kills everything on it, without a goodbye. */
  loseNode(node: string): Promise<void>;
  returnNode(node: string): Promise<void>;
  /** Kills one component, such as `registry`; the next start brings it back. */
  killComponent(component: string): Promise<void>;
  /** Gives an image of the cluster's registry a second tag. */
  tagImage(image: string, tag: string): Promise<void>;
  /** A folder on a node that holds so many bytes and no more. */
  smallVolume(name: string, bytes: number): Promise<SmallVolume>;
  /** Sends a signal to the processes of a pod's containers, or of one by its id, past kubelet. */
  signalPod(uid: string, signal: NodeJS.Signals, container?: string): Promise<void>;
}

/** The cluster of that name on this machine, made of upstream's programs in network namespaces. */
export function embeddedCluster(name: string): Cluster {
  const layout = clusterLayout(name);
  return {
    name,
    kubeconfig: layout.kubeconfig,
    start: (report) => start(layout, report),
    stop: (report, options) => stop(layout, report, options),
    loadImage: async (image) => {
      const registry = await registryOf(layout);
      const digest = await pushImage(image, registry);
      const repository = repositoryOf(image);
      const signature = imageSignature(repository, digest, await signingKey(layout));
      await pushArtifact(`http://${registry}`, repository, signature);
      return digest;
    },
    attestImage: async (image, digest, sbom) => {
      const repository = repositoryOf(image);
      const attestation = sbomAttestation(repository, digest, sbom, await signingKey(layout));
      await pushArtifact(`http://${await registryOf(layout)}`, repository, attestation);
    },
    loseNode: async (node) => {
      const { name: lost } = find(layout, node);
      await setNodeLink(layout, lost, false);
      await killNode(layout, lost);
    },
    returnNode: async (node) => {
      await setNodeLink(layout, node, true);
      await ensureNode(layout, find(layout, node), await goTools('cluster'));
    },
    killComponent: async (component) => {
      const pid = await runningPid(layout, component);
      if (pid === undefined) {
        throw new RangeError(
          `${component} does not run: it has ${(await recordedComponents(layout)).join(', ')}.`,
        );
      }
      process.kill(pid, 'SIGKILL');
    },
    tagImage: async (image, tag) => {
      await tagInRegistry(await registryOf(layout), image, tag);
    },
    smallVolume: (volume, bytes) => makeSmallVolume(find(layout, 'n1'), volume, bytes),
    signalPod: async (uid, signal, container) => {
      for (const pid of await processesOfPod(layout, uid, container)) {
        kill(pid, signal);
      }
    },
  };
}

/** Where the cluster's registry is on this machine. @throws where the cluster was never started */
async function registryOf(layout: ClusterLayout): Promise<string> {
  const ports = await readPorts(layout);
  if (ports === undefined) {
    throw new Error(`the cluster "${layout.name}" has not been started: run "npm start" first.`);
  }
  return `127.0.0.1:${ports.registry}`;
}

const repositoryOf = (image: string) => image.replace(/:[^:/]+$/, '');

function find(layout: ClusterLayout, name: string): ClusterNode {
  const node = layout.nodes.find((candidate) => candidate.name === name);
  if (node === undefined) {
    const names = layout.nodes.map((candidate) => candidate.name).join(', ');
    throw new RangeError(`no node "${name}" in this cluster: it has ${names}.`);
  }
  return node;
}

async function start(layout: ClusterLayout, report: (doing: string) => void): Promise<Ports> {
  const bin = await goTools('cluster');
  for (const folder of [layout.state, layout.run, layout.logs]) {
    await mkdir(folder, { recursive: true });
  }
  // Keys and database files are below: for root only.
  await chmod(layout.state, 0o711);
  if (!(await networkIsWhole(layout))) {
    report('network namespaces');
    await killCluster(layout);
    await createNetwork(layout);
  }
  await createCgroups(layout);
  await ensurePki(layout);
  await ensureSigningKey(layout);
  report('etcd and the API server');
  const images = await buildImages(() => {});
  await copyImages(images.registry, registryFolder(layout));
  await Promise.all([
    ensureControlPlane(layout, bin),
    ensureRegistry(layout, bin),
    ensureGitServer(layout),
    ensureObjectStore(layout),
    ensureUpstreamMirror(layout),
  ]);
  const ports = await ensureGateway(layout);
  await ensureEntrance(layout, `127.0.0.1:${ports.registry}`);
  await writeKubeconfig(layout, 'admin', `https://127.0.0.1:${ports.kubernetes}`, layout.kubeconfig);
  const kubectl = await kubectlFor({ kubeconfig: layout.kubeconfig });
  await kubectl.apply(agentsRights);
  report(`nodes ${layout.nodes.map((node) => node.name).join(', ')}`);
  await Promise.all(
    layout.nodes.map(async (node) => {
      await stockNode(images.nodes, containerdOf(node, bin).root);
      await ensureNode(layout, node, bin);
    }),
  );
  report('DNS, storage, metrics');
  await applyAddons(layout, kubectl);
  report('nodes to be ready');
  const nodes = layout.nodes.map((node) => `node/${node.name}`);
  await waitForNodes(kubectl, nodes);
  await ensureControlPlaneProxy(layout, bin);
  return ports;
}

async function waitForNodes(kubectl: Awaited<ReturnType<typeof kubectlFor>>, nodes: string[]) {
  await kubectl(['wait', '--for=create', '--timeout=60s', ...nodes]);
  await kubectl(['wait', '--for=condition=Ready', '--timeout=60s', ...nodes]);
}

async function stop(
  layout: ClusterLayout,
  report: (doing: string) => void,
  { purge }: { purge: boolean },
): Promise<void> {
  report('ending components');
  // kubelets first: they would restart what ends. The API server and etcd last.
  const names = await recordedComponents(layout);
  const order = (name: string) =>
    ['kubelet', 'containerd', 'kube-apiserver', 'etcd'].findIndex((end) => name.endsWith(end));
  const first = names.filter((name) => name.endsWith('kubelet'));
  await Promise.all(first.map((name) => stopComponent(layout, name)));
  report('ending pods');
  await Promise.all(layout.nodes.map((node) => killNode(layout, node.name)));
  const rest = names.filter((name) => !first.includes(name)).sort((a, b) => order(a) - order(b));
  for (const name of rest) {
    await stopComponent(layout, name);
  }
  await killCluster(layout);
  report('taking away mounts, namespaces and cgroups');
  await unmountAll(layout);
  await removeInterruptedBuilds();
  await removeNetwork(layout);
  await removeCgroups(layout);
  await removeCniResults(layout);
  await rm(layout.run, { recursive: true, force: true });
  if (purge && existsSync(layout.state)) {
    report(`deleting ${layout.state}`);
    await rm(layout.state, { recursive: true, force: true });
  }
  await rm(path.dirname(layout.run), { recursive: false, force: true }).catch(() => {});
}
