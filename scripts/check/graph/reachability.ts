import { selects } from '../admission/selectors.ts';
import { isMap, type Json, type JsonMap, maps, text } from '../model.ts';
import { type Graph, type Node, oncePerGraph, type Pod, portNumber } from './graph.ts';

export type Side = 'ingress' | 'egress';

/** Labels, or those of them that are known: what runs outside the render may have more. */
type Labels = { known: JsonMap; complete: boolean };

/** One end of a flow: a pod of the render, or what is known of one elsewhere. */
export type End = { namespace: string; namespaceLabels: Labels; labels: Labels; pod: Pod | undefined };

/** What is no pod of the cluster, such as the host of an ExternalName. */
export const outside: End = {
  namespace: '',
  namespaceLabels: { known: {}, complete: true },
  labels: { known: {}, complete: true },
  pod: undefined,
};

/** A pod of the cluster of which nothing is known. */
export const somewhere: End = {
  namespace: '',
  namespaceLabels: { known: {}, complete: false },
  labels: { known: {}, complete: false },
  pod: undefined,
};

/** Where a flow arrives. */
export type Arrival = { protocol: string; port: number };

const networkPolicy = 'networking.k8s.io/NetworkPolicy';

/** The policies that select each pod and hold it on a side: with one of them, only what one allows gets through. */
const isolating = oncePerGraph((graph: Graph) => {
  const found = { ingress: new Map<Pod, Node[]>(), egress: new Map<Pod, Node[]>() };
  for (const policy of graph.ofKind(networkPolicy)) {
    const { policyTypes, podSelector } = policy.spec;
    const pods = graph.selected(policy.object.id.namespace, podSelector);
    for (const side of ['ingress', 'egress'] as const) {
      const type = side === 'ingress' ? 'Ingress' : 'Egress';
      for (const pod of Array.isArray(policyTypes) && policyTypes.includes(type) ? pods : []) {
        const list = found[side].get(pod) ?? [];
        found[side].set(pod, list);
        list.push(policy);
      }
    }
  }
  return found;
});

/** The policies that hold a pod on a side, none where everything may pass. */
export function policiesOf(graph: Graph, pod: Pod, side: Side): Node[] {
  return isolating(graph)[side].get(pod) ?? [];
}

/** The policies that are about these pods rather than about all of the namespace. */
export function ownPolicies(graph: Graph, pod: Pod, side: Side): Node[] {
  return policiesOf(graph, pod, side).filter(({ spec }) => !selects(spec.podSelector, {}));
}

/** Whether a policy holds a side of whatever pod comes to a namespace, one without any label, and lets not all pass. */
export function deniesByDefault(graph: Graph, namespace: string, side: Side): boolean {
  return graph.ofKind(networkPolicy).some(({ object, spec }) => {
    const { podSelector, policyTypes } = spec;
    return (
      object.id.namespace === namespace &&
      selects(podSelector, {}) &&
      Array.isArray(policyTypes) &&
      policyTypes.includes(side === 'ingress' ? 'Ingress' : 'Egress') &&
      !maps(spec[side]).some((rule) => Object.keys(rule).length === 0)
    );
  });
}

/** What is known of a namespace's labels: all where the render has the namespace, else the one that each has. */
export function namespaceLabels(graph: Graph, namespace: string): Labels {
  const node = graph.find('Namespace', '', namespace);
  const metadata = isMap(node?.object.value.metadata) ? node.object.value.metadata : {};
  const labels = isMap(metadata.labels) ? metadata.labels : {};
  return {
    known: { ...labels, 'kubernetes.io/metadata.name': namespace },
    complete: node !== undefined,
  };
}

/** A pod of the render as an end of a flow: all of its labels are known. */
export function endOf(graph: Graph, pod: Pod): End {
  const { namespace } = pod.object.id;
  return {
    namespace,
    namespaceLabels: namespaceLabels(graph, namespace),
    labels: { known: pod.labels, complete: true },
    pod,
  };
}

/** A pod of another namespace, of which some labels are known. */
export function elsewhere(graph: Graph, namespace: string, known: JsonMap): End {
  return {
    namespace,
    namespaceLabels: namespaceLabels(graph, namespace),
    labels: { known, complete: false },
    pod: undefined,
  };
}

/**
 * Whether policies that hold a pod on a side let a flow pass. What cannot be known from the manifests (addresses,
 * labels of what is outside the render) counts as allowed.
 */
export function allows(
  policies: Node[],
  side: Side,
  other: End,
  destination: End,
  arrival: Arrival,
): boolean {
  return (
    policies.length === 0 ||
    policies.some(({ object, spec }) =>
      maps(spec[side]).some((rule) => {
        const peers = maps(side === 'ingress' ? rule.from : rule.to);
        return (
          (peers.length === 0 || peers.some((peer) => isPeer(peer, object.id.namespace, other))) &&
          opens(rule.ports, destination, arrival)
        );
      }),
    )
  );
}

function isPeer(peer: JsonMap, namespace: string, end: End): boolean {
  if (peer.ipBlock !== undefined) {
    return true;
  }
  const isThere =
    peer.namespaceSelector === undefined
      ? end.namespace === namespace
      : maySelect(peer.namespaceSelector, end.namespaceLabels);
  return isThere && (peer.podSelector === undefined || maySelect(peer.podSelector, end.labels));
}

/** Whether a selector selects labels, or may: of labels that are not all known, only the known can rule it out. */
function maySelect(selector: Json, { known, complete }: Labels): boolean {
  if (complete || !isMap(selector)) {
    return selects(selector, known);
  }
  const matchLabels = isMap(selector.matchLabels) ? selector.matchLabels : {};
  return selects(
    {
      matchLabels: Object.fromEntries(Object.entries(matchLabels).filter(([key]) => key in known)),
      matchExpressions: maps(selector.matchExpressions).filter(({ key }) => text(key) in known),
    },
    known,
  );
}

/** Whether a rule's ports let through what arrives at a pod. */
export function opens(ports: Json | undefined, { pod }: End, { protocol, port }: Arrival): boolean {
  const entries = maps(ports);
  return (
    entries.length === 0 ||
    entries.some((entry) => {
      if (text(entry.protocol) !== protocol) {
        return false;
      }
      if (typeof entry.port === 'string') {
        return pod === undefined || portNumber(pod, entry.port, protocol) === port;
      }
      const last = typeof entry.endPort === 'number' ? entry.endPort : entry.port;
      return (
        typeof entry.port !== 'number' || (entry.port <= port && typeof last === 'number' && port <= last)
      );
    })
  );
}
