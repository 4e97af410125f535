import { selects } from '../admission/selectors.ts';
import { type FieldPath, isMap, type JsonMap, maps, text, type Violation } from '../model.ts';
import { annotation, type Graph, type Node, oncePerGraph, type Pod, portNumber, shown } from './graph.ts';
import { listed } from './outside.ts';
import { servicePort } from './ports.ts';
import {
  type Arrival,
  allows,
  deniesByDefault,
  type End,
  elsewhere,
  endOf,
  namespaceLabels,
  policiesOf,
  type Side,
} from './reachability.ts';
import { type GraphRule, graphRule, inEnvironments } from './rule.ts';

/** On a workload: what its pods connect to, as SERVICE:PORT of its namespace, or dns; separated by commas. */
const needs = 'quotes.check/needs';
/** On a workload: the workloads of its namespace that may connect to its pods, separated by commas; no others may. */
const clients = 'quotes.check/clients';

/** The labels by which every distribution of CoreDNS and kube-dns is found in kube-system. */
const dnsLabels = { 'k8s-app': 'kube-dns' };

export const networkRules: GraphRule[] = [
  graphRule(
    {
      id: 'unselected-pod',
      group: 'network',
      why: 'A pod that no NetworkPolicy selects may talk to everything, and everything to it.',
      fix: 'Add a NetworkPolicy with podSelector: {} and policyTypes [Ingress, Egress] to the namespace.',
    },
    inEnvironments((graph) => [
      ...graph.pods.flatMap((pod) => openSides(graph, pod)),
      ...openNamespaces(graph),
    ]),
  ),
  graphRule(
    {
      id: 'needed-flow',
      group: 'network',
      why: 'What a workload needs to reach must be let out of its pods and into the others, or it fails once deployed.',
      fix: `Allow it in the NetworkPolicy, or correct ${needs}, which is SERVICE:PORT or dns, separated by commas.`,
    },
    inEnvironments((graph) =>
      graph.pods.flatMap((pod) => [
        ...undeclaredNeeds(graph, pod),
        ...listed(annotation(pod, needs)).flatMap((need) => blocked(graph, pod, need)),
      ]),
    ),
  ),
  graphRule(
    {
      id: 'unexpected-client',
      group: 'network',
      why: 'What a workload keeps for some must not be open to others.',
      fix: `Narrow the ingress rule to the clients, or name the client in ${clients}.`,
    },
    ({ environments }) => {
      const namespaces = labelsOfNamespaces(environments);
      return environments.flatMap((graph) =>
        graph.pods.flatMap((pod) => [
          ...undeclaredClients(graph, pod),
          ...unexpected(graph, pod, namespaces),
        ]),
      );
    },
  ),
];

function openSides(graph: Graph, pod: Pod): Violation[] {
  // A pod in the node's network has the node's address, which no NetworkPolicy holds.
  return pod.pod.hostNetwork === true
    ? []
    : (['ingress', 'egress'] as const)
        .filter((side) => policiesOf(graph, pod, side).length === 0)
        .map((side) => ({
          object: pod.object,
          path: ['metadata', 'name'],
          message: `no NetworkPolicy holds the ${side} of ${shown(pod)}`,
        }));
}

/**
 * Namespaces in which each pod has a policy, and the next one would have none: a policy that selects every pod is
 * missing, or lets all through.
 */
function openNamespaces(graph: Graph): Violation[] {
  const held = graph.pods.filter(({ pod }) => pod.hostNetwork !== true);
  return [...Map.groupBy(held, ({ object }) => object.id.namespace)].flatMap(([namespace, pods]) =>
    (['ingress', 'egress'] as const)
      .filter((side) => pods.every((pod) => policiesOf(graph, pod, side).length > 0))
      .filter((side) => !deniesByDefault(graph, namespace, side))
      .flatMap((side): Violation[] => {
        const object = (graph.find('Namespace', '', namespace) ?? pods[0])?.object;
        const message = `no NetworkPolicy holds the ${side} of every pod in ${namespace}: the next workload's is open`;
        return object === undefined ? [] : [{ object, path: ['metadata', 'name'], message }];
      }),
  );
}

/** The policies that are about these pods rather than about all of the namespace. */
function ownPolicies(graph: Graph, pod: Pod, side: Side): Node[] {
  return policiesOf(graph, pod, side).filter(({ spec }) => !selects(spec.podSelector, {}));
}

/** Who opens a way out for a workload knows where it leads. */
function undeclaredNeeds(graph: Graph, pod: Pod): Violation[] {
  const opens = ownPolicies(graph, pod, 'egress').find(({ spec }) => maps(spec.egress).length > 0);
  return opens === undefined || annotation(pod, needs) !== ''
    ? []
    : [
        {
          object: pod.object,
          path: ['metadata', 'annotations', needs],
          message: `${shown(opens)} lets ${shown(pod)} out, and no ${needs} says where to`,
        },
      ];
}

/** Who lets in some workloads of the namespace and not everyone knows for whom the workload is. */
function undeclaredClients(graph: Graph, pod: Pod): Violation[] {
  const rules = ownPolicies(graph, pod, 'ingress').flatMap((policy) =>
    maps(policy.spec.ingress).map((rule) => ({ policy, peers: maps(rule.from) })),
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

type Flow = { to: End; arrival: Arrival };

function blocked(graph: Graph, pod: Pod, need: string): Violation[] {
  const flows = flowsOf(graph, pod, need);
  if (typeof flows === 'string') {
    return [{ object: pod.object, path: ['metadata', 'annotations', needs], message: flows }];
  }
  const what = `${shown(pod)} needs ${need}, and no rule lets it`;
  const out = policiesOf(graph, pod, 'egress');
  const kept = flows.filter(({ to, arrival }) => !allows(out, 'egress', to, to, arrival));
  const source = endOf(graph, pod);
  return [
    ...closed(out, 'egress', `${what} out`, kept),
    ...[...Map.groupBy(flows, ({ to }) => to.pod)].flatMap(([server, arriving]) => {
      const into = server === undefined ? [] : policiesOf(graph, server, 'ingress');
      const refused = arriving.filter(({ to, arrival }) => !allows(into, 'ingress', source, to, arrival));
      return server === undefined ? [] : closed(into, 'ingress', `${what} into ${shown(server)}`, refused);
    }),
  ];
}

/** Where a declared need arrives, or what is wrong with the declaration. */
function flowsOf(graph: Graph, { object }: Pod, need: string): Flow[] | string {
  if (need === 'dns') {
    const to = elsewhere(graph, 'kube-system', dnsLabels);
    return ['UDP', 'TCP'].map((protocol) => ({ to, arrival: { protocol, port: 53 } }));
  }
  const [, name, number] = /^([a-z0-9.-]+):(\d+)$/.exec(need) ?? [];
  if (name === undefined) {
    return `${need} is neither SERVICE:PORT nor dns`;
  }
  const { namespace } = object.id;
  const service = graph.find('Service', namespace, name);
  const port = service && servicePort(service, Number(number));
  if (service === undefined || port === undefined) {
    return service === undefined ? `there is no Service ${name}` : `Service ${name} has no port ${number}`;
  }
  const { selector } = service.spec;
  const pods = isMap(selector) ? graph.selected(namespace, { matchLabels: selector }) : [];
  const protocol = text(port.protocol);
  return pods.flatMap((pod): Flow[] => {
    const { targetPort } = port;
    const arrives = typeof targetPort === 'string' ? portNumber(pod, targetPort, protocol) : targetPort;
    return typeof arrives === 'number'
      ? [{ to: endOf(graph, pod), arrival: { protocol, port: arrives } }]
      : [];
  });
}

/** The policy to edit is the one that is about these pods rather than about all. */
function closed(policies: Node[], side: Side, message: string, flows: Flow[]): Violation[] {
  const own = policies.find(({ spec }) => !selects(spec.podSelector, {}));
  const policy = own ?? policies[0];
  const arrivals = flows.map(({ arrival }) => `${arrival.protocol} ${arrival.port}`).join(', ');
  return policy === undefined || flows.length === 0
    ? []
    : [{ object: policy.object, path: ['spec', side], message: `${message} (${arrivals})` }];
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
      strangers(graph, policy, rule, known, namespaces).map(({ who, path }) => ({
        object: policy.object,
        path: ['spec', 'ingress', index, ...path],
        message: `lets ${who} into ${shown(pod)}, which is for ${names.join(', ')} alone`,
      })),
    ),
  );
  return [...absent, ...tooWide];
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
