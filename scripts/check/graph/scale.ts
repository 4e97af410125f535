import { isMap, text } from '../model.ts';
import { type Graph, type Node, oncePerGraph, type Pod, qualified } from './graph.ts';
import { replicasField } from './operators/operators.ts';

const autoscaler = 'autoscaling/HorizontalPodAutoscaler';

/** What scales each workload: autoscalers of Kubernetes and of operators, which name it in the same field. */
const scalers = oncePerGraph((graph: Graph) => {
  const found = new Map<string, Node>();
  for (const node of graph.nodes) {
    const target = node.spec.scaleTargetRef;
    if (isMap(target)) {
      const kind = qualified(text(target.apiVersion) || 'apps/v1', text(target.kind) || 'Deployment');
      found.set(placeOf(kind, node.object.id.namespace, text(target.name)), node);
    }
  }
  return found;
});

/** Whether a workload keeps a number of pods: a Deployment, a StatefulSet, or what an operator keeps them for. */
export function isReplicated({ kind, made }: Pod): boolean {
  return made !== undefined || kind === 'apps/Deployment' || kind === 'apps/StatefulSet';
}

function placeOf(kind: string, namespace: string, name: string): string {
  return [kind, namespace, name].join('\0');
}

/** What scales a workload, undefined when nothing in Git does. */
export function scalerOf(graph: Graph, { kind, object }: Node): Node | undefined {
  return scalers(graph).get(placeOf(kind, object.id.namespace, object.id.name));
}

/**
 * How many pods a workload keeps at the least: its autoscaler's minimum, else its replicas. Undefined where Git does
 * not say: an operator's autoscaler, a kind without replicas.
 */
export function minimumReplicas(graph: Graph, workload: Node): number | undefined {
  const scaler = scalerOf(graph, workload);
  if (scaler !== undefined && scaler.kind !== autoscaler) {
    return undefined;
  }
  const count = scaler === undefined ? workload.spec[replicasField(workload.kind)] : scaler.spec.minReplicas;
  return typeof count === 'number' ? count : undefined;
}

/**
 * An integer, or a percentage of a total; a percentage is rounded up as budgets and maxSurge are.
 * @returns undefined for what is neither
 */
export function scaled(value: unknown, total: number): number | undefined {
  const [, percent] = /^(\d+)%$/.exec(text(value)) ?? [];
  if (percent !== undefined) {
    return Math.ceil((Number(percent) * total) / 100);
  }
  return typeof value === 'number' ? value : undefined;
}
