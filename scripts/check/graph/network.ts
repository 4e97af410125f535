import { selects } from '../admission/selectors.ts';
import { isMap, maps, text, type Violation } from '../model.ts';
import { clientsRule } from './clients.ts';
import { annotation, firstOfEach, type Graph, type Node, type Pod, portNumber, shown } from './graph.ts';
import { monitoredPods, monitoredPorts, podMonitor } from './monitors.ts';
import { listed } from './outside.ts';
import { servicePort } from './ports.ts';
import {
  type Arrival,
  allows,
  deniesByDefault,
  type End,
  elsewhere,
  endOf,
  outside,
  ownPolicies,
  policiesOf,
  type Side,
  somewhere,
} from './reachability.ts';
import { type GraphRule, graphRule, inEnvironments } from './rule.ts';

/** On a workload: what its pods connect to, as SERVICE:PORT of its namespace, or dns; separated by commas. */
const needs = 'quotes.check/needs';
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
    inEnvironments((graph) => [
      ...graph.pods.flatMap((pod) => [
        ...undeclaredNeeds(graph, pod),
        ...listed(annotation(pod, needs)).flatMap((need) => blocked(graph, pod, need)),
        ...operatorsFlows(graph, pod),
      ]),
      ...graph.ofKind(podMonitor).flatMap((monitor) => unseenPods(graph, monitor)),
    ]),
  ),
  clientsRule,
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

type Flow = { to: End; arrival: Arrival };

function blocked(graph: Graph, pod: Pod, need: string): Violation[] {
  const flows = flowsOf(graph, pod, need);
  if (typeof flows === 'string') {
    return [{ object: pod.object, path: ['metadata', 'annotations', needs], message: flows }];
  }
  return closedFlows(graph, pod, need, flows);
}

/** The policies that keep flows from leaving a pod, or from arriving. */
function closedFlows(graph: Graph, pod: Pod, need: string, flows: Flow[]): Violation[] {
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

/** What an operator's pods need beside what is declared: each other, and the operator them. */
function operatorsFlows(graph: Graph, pod: Pod): Violation[] {
  return (pod.made?.arrivals ?? []).flatMap(({ port, from }) => {
    const arrival = { protocol: 'TCP', port };
    if (from === 'each other') {
      const others = graph.pods.filter((other) => other !== pod && other.object === pod.object);
      const flows = others.map((other) => ({ to: endOf(graph, other), arrival }));
      return closedFlows(graph, pod, `its other pods at ${port}`, flows);
    }
    const into = policiesOf(graph, pod, 'ingress');
    const to = endOf(graph, pod);
    const operator = elsewhere(graph, from.namespace, from.labels);
    const message = `the operator in ${from.namespace} needs ${shown(pod)}, and no rule lets it in`;
    return allows(into, 'ingress', operator, to, arrival)
      ? []
      : closed(into, 'ingress', message, [{ to, arrival }]);
  });
}

/** Prometheus must get in to each pod that a monitor selects; where it runs, and as what, is not known here. */
function unseenPods(graph: Graph, monitor: Node): Violation[] {
  return firstOfEach(monitoredPods(graph, monitor)).flatMap((pod) => {
    const into = policiesOf(graph, pod, 'ingress');
    const to = endOf(graph, pod);
    const flows = monitoredPorts(pod, monitor)
      .map((port) => ({ to, arrival: { protocol: 'TCP', port } }))
      .filter(({ arrival }) => !allows(into, 'ingress', somewhere, to, arrival));
    return closed(into, 'ingress', `${shown(monitor)} needs ${shown(pod)}, and no rule lets it in`, flows);
  });
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
  if (service?.spec.type === 'ExternalName') {
    return [{ to: outside, arrival: { protocol: 'TCP', port: Number(number) } }];
  }
  const port = service && servicePort(service, Number(number));
  if (service === undefined || port === undefined) {
    return service === undefined ? `there is no Service ${name}` : `Service ${name} has no port ${number}`;
  }
  const { selector } = service.spec;
  const pods = isMap(selector) ? graph.selected(namespace, { matchLabels: selector }) : [];
  if (pods.length === 0 && service.maker !== undefined) {
    return `Service ${name} has no pod behind it`;
  }
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
  const arrivals = new Set(flows.map(({ arrival }) => `${arrival.protocol} ${arrival.port}`));
  return policy === undefined || flows.length === 0
    ? []
    : [{ object: policy.object, path: ['spec', side], message: `${message} (${[...arrivals].join(', ')})` }];
}
