import path from 'node:path';
import { stateDir } from '../paths.ts';

/** One of the cluster's machines: a network namespace with its own containerd, kubelet and kube-proxy. */
export interface ClusterNode {
  name: string;
  namespace: string;
  address: string;
  podSubnet: string;
  /** The node's files: images, volumes, pod logs. */
  state: string;
  /** The node's sockets and mounts, below /run because a socket's path has at most 107 characters. */
  run: string;
}

/** Where everything of one named cluster is. Nothing of it lies outside these paths, names and addresses. */
export interface ClusterLayout {
  name: string;
  state: string;
  run: string;
  logs: string;
  pki: string;
  kubeconfig: string;
  controlPlaneNamespace: string;
  cgroup: string;
  nodes: ClusterNode[];
}

/** Thrown for a name that no cluster can have; the message says which can. */
class ClusterNameError extends Error {
  override name = 'ClusterNameError';
}

/** Addresses are the same in every cluster: each has network namespaces of its own. */
export const addresses = {
  controlPlane: '10.88.0.1',
  kubernetesService: '10.96.0.1',
  dnsService: '10.96.0.10',
  nodeSubnet: '10.88.0.0/24',
  podSubnet: '10.244.0.0/16',
  serviceSubnet: '10.96.0.0/16',
  registry: '10.88.0.1:5000',
  gitServer: '10.88.0.1:3000',
  objectStore: '10.88.0.1:9000',
  apiServer: '10.88.0.1:6443',
} as const;

/** The URL under which Argo CD, inside the cluster, clones the repository. */
export const inClusterRepository = `http://${addresses.gitServer}/quotes.git`;

/** The cluster that a command means when none is named. */
export const defaultClusterName = process.env.QUOTES_CLUSTER ?? 'local';
const nodeCount = 3;

/**
 * The layout of the cluster of that name.
 * @throws {ClusterNameError} when the name cannot serve as a namespace's, a folder's and a git remote's name
 */
export function clusterLayout(name: string): ClusterLayout {
  if (!/^[a-z][a-z0-9-]{0,19}$/.test(name)) {
    throw new ClusterNameError(
      `cluster name "${name}": use 1 to 20 lower-case letters, digits and dashes, a letter first.`,
    );
  }
  const state = path.join(stateDir, name);
  const run = path.join('/run/quotes', name);
  const nodes = Array.from({ length: nodeCount }, (_, index): ClusterNode => {
    const node = `n${index + 1}`;
    return {
      name: node,
      namespace: `quotes-${name}-${node}`,
      address: `10.88.0.${11 + index}`,
      podSubnet: `10.244.${index + 1}.0/24`,
      state: path.join(state, 'nodes', node),
      run: path.join(run, node),
    };
  });
  return {
    name,
    state,
    run,
    logs: path.join(state, 'logs'),
    pki: path.join(state, 'pki'),
    kubeconfig: path.join(state, 'kubeconfig'),
    controlPlaneNamespace: `quotes-${name}-cp`,
    cgroup: `quotes/${name}`,
    nodes,
  };
}
