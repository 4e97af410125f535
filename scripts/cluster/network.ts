import { existsSync } from 'node:fs';
import { execa } from 'execa';
import { addresses, type ClusterLayout } from './layout.ts';

/** Every namespace of the cluster, the control plane's first. */
function namespaces(layout: ClusterLayout): string[] {
  return [layout.controlPlaneNamespace, ...layout.nodes.map((node) => node.namespace)];
}

/** Whether every namespace exists and carries its address: an interrupted start leaves less. */
export async function networkIsWhole(layout: ClusterLayout): Promise<boolean> {
  const expected = [
    { namespace: layout.controlPlaneNamespace, address: addresses.controlPlane },
    ...layout.nodes,
  ];
  const whole = await Promise.all(
    expected.map(async ({ namespace, address }) => {
      const result = await execa('ip', ['-n', namespace, 'address', 'show'], { reject: false });
      return !result.failed && result.stdout.includes(`${address}/24`);
    }),
  );
  return whole.every(Boolean);
}

/**
 * Makes the namespaces: a bridge in the control plane's, a cable from it to each node, a route per pod subnet.
 * None has a way to the machine's own network, so nothing of the host's routes or firewall changes.
 */
export async function createNetwork(layout: ClusterLayout): Promise<void> {
  await removeNetwork(layout);
  const controlPlane = layout.controlPlaneNamespace;
  const batch: string[] = [];
  for (const namespace of namespaces(layout)) {
    batch.push(`netns add ${namespace}`);
  }
  await ipBatch([], batch);
  await ipBatch(
    ['-n', controlPlane],
    [
      'link set lo up',
      'link add br0 type bridge',
      `address add ${addresses.controlPlane}/24 dev br0`,
      'link set br0 up',
      // kube-proxy turns a Service's address into a pod's, but only of a packet that has some route.
      `route add ${addresses.serviceSubnet} dev br0`,
      ...layout.nodes.flatMap((node) => [
        `link add ${node.name} type veth peer name eth0 netns ${node.namespace}`,
        `link set ${node.name} master br0 up`,
        `route add ${node.podSubnet} via ${node.address}`,
      ]),
    ],
  );
  await Promise.all([
    allowForwarding(controlPlane),
    ...layout.nodes.map(async (node) => {
      const others = layout.nodes.filter((other) => other !== node);
      await ipBatch(
        ['-n', node.namespace],
        [
          'link set lo up',
          `address add ${node.address}/24 dev eth0`,
          'link set eth0 up',
          `route add default via ${addresses.controlPlane}`,
          ...others.map((other) => `route add ${other.podSubnet} via ${other.address}`),
        ],
      );
      await allowForwarding(node.namespace);
    }),
  ]);
}

/** Removes the namespaces and, with them, every interface, route and rule inside. */
export async function removeNetwork(layout: ClusterLayout): Promise<void> {
  for (const namespace of namespaces(layout)) {
    if (existsSync(`/run/netns/${namespace}`)) {
      await execa('ip', ['netns', 'delete', namespace]);
    }
  }
}

/** Plugs the node's cable in or pulls it. Routes over the interface survive in the node's namespace. */
export async function setNodeLink(layout: ClusterLayout, node: string, up: boolean): Promise<void> {
  await execa('ip', ['-n', layout.controlPlaneNamespace, 'link', 'set', node, up ? 'up' : 'down']);
}

async function ipBatch(options: string[], lines: string[]): Promise<void> {
  await execa('ip', [...options, '-batch', '-'], { input: lines.join('\n') });
}

async function allowForwarding(namespace: string): Promise<void> {
  // /proc/sys/net shows the namespace of whoever opens it, so the writer must be inside.
  const write = 'echo 1 > /proc/sys/net/ipv4/ip_forward';
  await execa('nsenter', [`--net=/run/netns/${namespace}`, 'sh', '-c', write]);
}
