import { maps, text } from '../model.ts';
import { type Graph, type Node, type Pod, portNumber } from './graph.ts';

/** What tells the Prometheus Operator which pods to ask for metrics. */
export const podMonitor = 'monitoring.coreos.com/PodMonitor';

/** The pods that a PodMonitor selects; none where it looks for them in namespaces that it names. */
export function monitoredPods(graph: Graph, { object, spec }: Node): Pod[] {
  return spec.namespaceSelector === undefined ? graph.selected(object.id.namespace, spec.selector) : [];
}

/** At which of a pod's ports a PodMonitor has it asked. */
export function monitoredPorts(pod: Pod, { spec }: Node): number[] {
  return maps(spec.podMetricsEndpoints).flatMap(({ port, portNumber: number }) => {
    const found = typeof number === 'number' ? number : portNumber(pod, text(port), 'TCP');
    return found === undefined ? [] : [found];
  });
}
