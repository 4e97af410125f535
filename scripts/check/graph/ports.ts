import {
  type FieldPath,
  isMap,
  type Json,
  type JsonMap,
  maps,
  text,
  type Violation,
  valueAt,
} from '../model.ts';
import { type Container, containersOf, type Graph, type Node, portNumber, shown } from './graph.ts';
import { monitoredPods, podMonitor } from './monitors.ts';
import { type GraphRule, graphRule, inEnvironments } from './rule.ts';

/** A Service behind a route. `path` leads to what names it. */
type Backend = {
  path: FieldPath;
  namespace: string;
  name: string;
  port: Json | undefined;
  portPath: FieldPath;
};

/** The Services that an Ingress or a Gateway API route sends to, without those in namespaces of other targets. */
export function backendsOf(graph: Graph, { kind, object, spec }: Node): Backend[] {
  const { namespace } = object.id;
  if (kind === 'networking.k8s.io/Ingress') {
    const paths = maps(spec.rules).flatMap((rule, nth): FieldPath[] =>
      maps(isMap(rule.http) ? rule.http.paths : undefined).map((_, index) => [
        'rules',
        nth,
        'http',
        'paths',
        index,
        'backend',
        'service',
      ]),
    );
    return [['defaultBackend', 'service'], ...paths].flatMap((path) => {
      const service = valueAt(spec, path);
      const port = isMap(service) && isMap(service.port) ? service.port : {};
      const at: FieldPath = ['spec', ...path];
      return isMap(service)
        ? [
            {
              path: at,
              namespace,
              name: text(service.name),
              port: port.name ?? port.number,
              portPath: [...at, 'port', port.name === undefined ? 'number' : 'name'],
            },
          ]
        : [];
    });
  }
  if (!/^gateway\.networking\.k8s\.io\/\w+Route$/.test(kind)) {
    return [];
  }
  return maps(spec.rules).flatMap((rule, nth) =>
    maps(rule.backendRefs).flatMap((backend, index): Backend[] => {
      const within = text(backend.namespace) || namespace;
      const path = ['spec', 'rules', nth, 'backendRefs', index];
      const isService = (text(backend.kind) || 'Service') === 'Service' && text(backend.group) === '';
      return isService && graph.namespaces.has(within)
        ? [
            {
              path,
              namespace: within,
              name: text(backend.name),
              port: backend.port,
              portPath: [...path, 'port'],
            },
          ]
        : [];
    }),
  );
}

/** A Service's port by number or name; undefined when it has none such. */
export function servicePort({ spec }: Node, port: Json | undefined): JsonMap | undefined {
  return maps(spec.ports).find((candidate) => candidate.port === port || candidate.name === port);
}

export const portRules: GraphRule[] = [
  graphRule(
    {
      id: 'port-name',
      group: 'references',
      why: 'A port that no container has under that name sends traffic nowhere, and a probe of it never succeeds.',
      fix: 'Give the container port that name, or use the name or number that it has.',
    },
    inEnvironments((graph) => [
      ...graph.ofKind('Service').flatMap((service) => targetPorts(graph, service)),
      ...graph.pods.flatMap((pod) => containersOf(pod).flatMap((container) => ownPorts(pod, container))),
      ...graph.ofKind('networking.k8s.io/NetworkPolicy').flatMap((policy) => policyPorts(graph, policy)),
      ...graph.nodes.flatMap((node) => backendPorts(graph, node)),
      ...graph.ofKind(podMonitor).flatMap((monitor) => monitorPorts(graph, monitor)),
    ]),
  ),
];

function targetPorts(graph: Graph, service: Node): Violation[] {
  const { object, spec } = service;
  const pods = isMap(spec.selector)
    ? graph.selected(object.id.namespace, { matchLabels: spec.selector })
    : [];
  return maps(spec.ports).flatMap((port, index) => {
    const { targetPort } = port;
    const known = pods.some((pod) => portNumber(pod, text(targetPort), text(port.protocol)) !== undefined);
    return pods.length === 0 || typeof targetPort !== 'string' || known
      ? []
      : [
          {
            object,
            path: ['spec', 'ports', index, 'targetPort'],
            message: `no pod behind ${shown(service)} has a ${text(port.protocol)} port ${targetPort}`,
          },
        ];
  });
}

/** Probes and hooks ask the container's own ports. */
function ownPorts({ object }: Node, { container, path }: Container): Violation[] {
  const names = new Set(maps(container.ports).map((port) => port.name));
  const asked: FieldPath[] = [
    'livenessProbe',
    'readinessProbe',
    'startupProbe',
    'preStop',
    'postStart',
  ].flatMap((field) => {
    const at = field.endsWith('Probe') ? [field] : ['lifecycle', field];
    return [
      [...at, 'httpGet', 'port'],
      [...at, 'tcpSocket', 'port'],
    ];
  });
  return asked.flatMap((at) => {
    const port = valueAt(container, at);
    return typeof port !== 'string' || /^\d+$/.test(port) || names.has(port)
      ? []
      : [
          {
            object,
            path: [...path, ...at],
            message: `container ${text(container.name)} has no port ${port}`,
          },
        ];
  });
}

/** A named port is looked up in the pods that the traffic goes to. */
function policyPorts(graph: Graph, { object, spec }: Node): Violation[] {
  const { namespace } = object.id;
  return (['ingress', 'egress'] as const).flatMap((side) =>
    maps(spec[side]).flatMap((rule, nth) => {
      const peers = side === 'ingress' ? [{ podSelector: spec.podSelector ?? {} }] : maps(rule.to);
      const named = maps(rule.ports).some(({ port }) => typeof port === 'string');
      // Pods of other namespaces, or of any, are not all known.
      if (
        !named ||
        peers.length === 0 ||
        peers.some((peer) => 'namespaceSelector' in peer || 'ipBlock' in peer)
      ) {
        return [];
      }
      const pods = peers.flatMap((peer) => graph.selected(namespace, peer.podSelector));
      return maps(rule.ports).flatMap(({ port, protocol }, index) =>
        pods.length === 0 ||
        typeof port !== 'string' ||
        pods.some((pod) => portNumber(pod, port, text(protocol)) !== undefined)
          ? []
          : [
              {
                object,
                path: ['spec', side, nth, 'ports', index, 'port'],
                message: `no pod that this ${side} rule is for has a ${text(protocol)} port ${port}`,
              },
            ],
      );
    }),
  );
}

function monitorPorts(graph: Graph, monitor: Node): Violation[] {
  const pods = monitoredPods(graph, monitor);
  return maps(monitor.spec.podMetricsEndpoints).flatMap(({ port }, index) =>
    pods.length === 0 ||
    typeof port !== 'string' ||
    pods.some((pod) => portNumber(pod, port, 'TCP') !== undefined)
      ? []
      : [
          {
            object: monitor.object,
            path: ['spec', 'podMetricsEndpoints', index, 'port'],
            message: `no pod that ${shown(monitor)} selects has a TCP port ${port}`,
          },
        ],
  );
}

function backendPorts(graph: Graph, node: Node): Violation[] {
  return backendsOf(graph, node).flatMap(({ namespace, name, port, portPath }) => {
    const service = graph.find('Service', namespace, name);
    return service === undefined || port === undefined || servicePort(service, port) !== undefined
      ? []
      : [{ object: node.object, path: portPath, message: `${shown(service)} has no port ${String(port)}` }];
  });
}
