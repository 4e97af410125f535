import { readsParameter } from '../admission/policy.ts';
import { isMap, type JsonMap, text, type Violation } from '../model.ts';
import type { Graph, Node } from './graph.ts';
import { graphRule } from './rule.ts';
import { isReplicated } from './scale.ts';

const minimumReplicas = 'minimum-replicas.';

/** An environment's policy-parameters: what the policies read there. */
export function parametersOf(graph: Graph): { node: Node; data: JsonMap }[] {
  return graph
    .ofKind('ConfigMap')
    .filter(({ object }) => object.id.name === 'policy-parameters')
    .map((node) => ({ node, data: isMap(node.object.value.data) ? node.object.value.data : {} }));
}

export const parametersRule = graphRule(
  {
    id: 'policy-parameters',
    group: 'environments',
    why: 'A parameter that an environment does not say, or that no policy reads, holds nothing, and no policy can tell.',
    fix: "Say it in the overlay's policy-parameters.yaml, by the key that the policy reads.",
  },
  ({ environments, policyRules }) => {
    const isRead = (key: string) => policyRules.some((policy) => readsParameter(policy, key));
    const all = environments.flatMap((graph) => parametersOf(graph).map((found) => ({ graph, ...found })));
    const saidBy = new Map(
      all.flatMap(({ graph, data }) => Object.keys(data).map((key) => [key, graph.target.environment])),
    );
    return all.flatMap(({ graph, node, data }): Violation[] => {
      const { environment } = graph.target;
      const { namespace } = node.object.id;
      const workloads = new Set(
        graph.pods
          .filter((pod) => isReplicated(pod) && pod.object.id.namespace === namespace)
          .map(({ object }) => object.id.name),
      );
      /** The workload that a key is a minimum of, where the environment has none of that name. */
      const absentOf = (key: string): string | undefined => {
        const name = key.startsWith(minimumReplicas) ? key.slice(minimumReplicas.length) : undefined;
        return name === undefined || workloads.has(name) ? undefined : name;
      };
      const missing = [...saidBy].filter(
        ([key]) => data[key] === undefined && isRead(key) && absentOf(key) === undefined,
      );
      const absent = Object.keys(data).flatMap((key) => {
        const name = absentOf(key);
        return name === undefined ? [] : [{ key, name }];
      });
      const unread = Object.keys(data).filter((key) => !isRead(key));
      return [
        ...unread.map((key) => ({
          object: node.object,
          path: ['data', key],
          message: `no policy reads ${key}`,
        })),
        ...missing.map(([key, other]) => ({
          object: node.object,
          path: ['data', key],
          message: `${environment} says nothing of ${key}, which ${other} does`,
        })),
        ...absent.map(({ key, name }) => ({
          object: node.object,
          path: ['data', key],
          message: `${environment} has no workload ${name}, which must have ${text(data[key])} replicas`,
        })),
      ];
    });
  },
);
