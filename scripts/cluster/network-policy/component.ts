import path from 'node:path';
import { accepts } from '../containerd.ts';
import type { ClusterLayout, ClusterNode } from '../layout.ts';
import { ensureRunning, waitForComponent } from '../processes.ts';

/** Where the node's agent is told of new pods. */
export const agentSocket = (node: ClusterNode) => path.join(node.run, 'network-policy.sock');

/** The folder of the plug-in by which CNI tells the agent. */
export const pluginFolder = path.join(import.meta.dirname, 'cni');

/** What CNI's configuration has after the plug-in that gives the pod its address. */
export const pluginConfig = (node: ClusterNode) => ({
  type: 'quotes-network-policy',
  socket: agentSocket(node),
});

/** Starts the node's agent where it does not run; returns when its rules are in force. */
export async function ensureAgent(layout: ClusterLayout, node: ClusterNode): Promise<void> {
  const name = `${node.name}-network-policy`;
  await ensureRunning(layout, {
    name,
    owner: node.name,
    namespace: node.namespace,
    command: [process.execPath, path.join(import.meta.dirname, 'program.ts'), layout.name, node.name],
  });
  await waitForComponent(layout, name, () => accepts(agentSocket(node)));
}

/** What the agents may read. */
export const agentsRights = [
  {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRole',
    metadata: { name: 'network-policy' },
    rules: [
      { apiGroups: [''], resources: ['pods', 'namespaces'], verbs: ['get', 'list', 'watch'] },
      {
        apiGroups: ['networking.k8s.io'],
        resources: ['networkpolicies'],
        verbs: ['get', 'list', 'watch'],
      },
    ],
  },
  {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRoleBinding',
    metadata: { name: 'network-policy' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'network-policy' },
    subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'network-policy' }],
  },
];
