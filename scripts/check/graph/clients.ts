import { selects } from '../admission/selectors.ts';
import { type FieldPath, type JsonMap, maps, type Violation } from '../model.ts';
import { annotation, type Graph, type Node, oncePerGraph, type Pod, shown } from './graph.ts';
import { listed } from './outside.ts';
import { endOf, namespaceLabels, opens, ownPolicies, policiesOf } from './reachability.ts';
import { graphRule } from './rule.ts';

/** On a workload: the workloads of its namespace that may connect to its pods, separated by commas; no others may. */
const clients = 'quotes.check/clients';

/** What a workload keeps for some is open to no others. */
export const clientsRule = graphRule(
  {
    id: 'unexpected-client',
    group: 'network',
    why: 'What a workload keeps for some must not be open to others.',
    fix: `Narrow the ingress rule to the clients, or name the client in ${clients}.`,
  },
  ({ environments }) => {
    const namespaces = labelsOfNamespaces(environments);
    return environments.flatMap((graph) =>
      graph.pods.flatMap((pod) => [...undeclaredClients(graph, pod), ...unexpected(graph, pod, namespaces)]),
    );
  },
);

/** Who lets in some workloads of the namespace and not everyone knows for whom the workload is. */
function undeclaredClients(graph: Graph, pod: Pod): Violation[] {
  const rules = ownPolicies(graph, pod, 'ingress').flatMap((policy) =>
    maps(policy.spec.ingress)
      .filter((rule) => isForClients(graph, pod, rule))
      .map((rule) => ({ policy, peers: maps(rule.from) })),
  );
  const own = namespaceLabels(graph, pod.object.id.namespace).known;
  const isHere = ({ podSelector, namespaceSelector }: JsonMap) =>
    podSelector !== undefined && (namespaceSelector === undefined || selects(namespaceSelector, own));
  const chosen = rules.find(({ peers }) => peers.some(isHere));
  return chosen === undefined ||
    rules.some(({ peers }) => peers.length === 0) ||
    annotation(pod, clients) !== ''
    ? []
    : [
        {
          object: pod.object,
          path: ['metadata', 'annotations', clients],
          message: `${shown(chosen.policy)} lets some into ${shown(pod)} alone, and no ${clients} says whom`,
        },
      ];
}

const workloadNames = oncePerGraph(
  (graph: Graph) => new Set(graph.pods.map(({ object }) => `${object.id.namespace}/${object.id.name}`)),
);

/** The labels of the namespaces that are known: those of the environments, and one that every cluster has. */
function labelsOfNamespaces(environments: Graph[]): Map<string, JsonMap> {
  const known = environments.flatMap((graph) =>
    [...graph.namespaces].map((name) => [name, namespaceLabels(graph, name).known] as const),
  );
  return new Map([['kube-system', { 'kubernetes.io/metadata.name': 'kube-system' }], ...known]);
}

function unexpected(graph: Graph, pod: Pod, namespaces: Map<string, JsonMap>): Violation[] {
  const said = annotation(pod, clients);
  if (said === '') {
    return [];
  }
  const names = listed(said);
  const { namespace } = pod.object.id;
  const known = new Set([...names, pod.object.id.name]);
  const absent = names
    .filter((name) => !workloadNames(graph).has(`${namespace}/${name}`))
    .map((name) => ({
      object: pod.object,
      path: ['metadata', 'annotations', clients],
      message: `${namespace} has no workload ${name}`,
    }));
  // Without a policy everything reaches it, which unselected-pod says.
  const tooWide = policiesOf(graph, pod, 'ingress').flatMap((policy) =>
    maps(policy.spec.ingress).flatMap((rule, index) =>
      isForClients(graph, pod, rule)
        ? strangers(graph, policy, rule, known, namespaces).map(({ who, path }) => ({
            object: policy.object,
            path: ['spec', 'ingress', index, ...path],
            message: `lets ${who} into ${shown(pod)}, which is for ${names.join(', ')} alone`,
          }))
        : [],
    ),
  );
  return [...absent, ...tooWide];
}

/** An operator's pods have ports of its own besides: their clients are those of the Services in front of them. */
function isForClients(graph: Graph, pod: Pod, rule: JsonMap): boolean {
  const services = graph.made.filter(({ kind, maker }) => kind === 'Service' && maker?.object === pod.object);
  return (
    pod.made === undefined ||
    services
      .flatMap(({ spec }) => maps(spec.ports))
      .some(
        ({ targetPort }) =>
          typeof targetPort === 'number' &&
          opens(rule.ports, endOf(graph, pod), { protocol: 'TCP', port: targetPort }),
      )
  );
}

/** Whom an ingress rule lets in besides the known. */
function strangers(
  graph: Graph,
  { object }: Node,
  rule: JsonMap,
  known: Set<string>,
  namespaces: Map<string, JsonMap>,
): { who: string; path: FieldPath }[] {
  const { namespace } = object.id;
  const peers = maps(rule.from);
  if (peers.length === 0) {
    return [{ who: 'everyone', path: [] }];
  }
  return peers.flatMap((peer, index) => {
    const path = ['from', index];
    if (peer.ipBlock !== undefined) {
      return [{ who: 'addresses', path: [...path, 'ipBlock'] }];
    }
    const within =
      peer.namespaceSelector === undefined
        ? [namespace]
        : [...namespaces].flatMap(([name, labels]) =>
            selects(peer.namespaceSelector, labels) ? [name] : [],
          );
    const others = within.filter((name) => name !== namespace);
    if (others.length > 0) {
      const who = `${others.length === 1 ? 'the namespace' : 'the namespaces'} ${others.join(', ')}`;
      return [{ who, path: [...path, 'namespaceSelector'] }];
    }
    if (within.length === 0) {
      return [];
    }
    return graph
      .selected(namespace, peer.podSelector)
      .filter((other) => !known.has(other.object.id.name))
      .map((other) => ({ who: shown(other), path: [...path, 'podSelector'] }));
  });
}
