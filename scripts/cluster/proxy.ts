import { stringify } from 'yaml';
import { addresses } from './layout.ts';

/** A kube-proxy configuration that works inside a network namespace. */
export function proxyConfig(kubeconfig: string, hostname: string): string {
  return stringify({
    apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
    kind: 'KubeProxyConfiguration',
    clientConnection: { kubeconfig },
    mode: 'nftables',
    clusterCIDR: addresses.podSubnet,
    hostnameOverride: hostname,
    // The conntrack sysctls belong to the whole machine and are refused in here: leave them.
    conntrack: { maxPerCore: 0, min: 0, tcpEstablishedTimeout: '0s', tcpCloseWaitTimeout: '0s' },
    // One change is followed at once. Each sync starts nft, and while a node is drained there is one a moment.
    nftables: { minSyncPeriod: '500ms' },
  });
}
