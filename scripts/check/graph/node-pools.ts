import { type FieldPath, isMap, maps, text, type Violation } from '../model.ts';
import { firstOfEach, type Graph, type Pod, shown } from './graph.ts';
import type { Repository } from './repository.ts';
import { type GraphRule, graphRule } from './rule.ts';

/** The label of an environment's own nodes and the key of their taint, as base/node-pool has it. */
const poolKey = 'node-restriction.kubernetes.io/environment';

export const nodePoolRule: GraphRule = graphRule(
  {
    id: 'node-pool',
    group: 'isolation',
    why: 'Who selects nodes of its own and does not tolerate their taint waits for ever; who only tolerates it runs anywhere; and one that does neither runs beside other environments.',
    fix: "List base/node-pool in the overlay's components, and base/postgres-ha/node-pool where it has a Cluster.",
  },
  (repository) => [...repository.environments.flatMap(halfPlaced), ...strangers(repository)],
);

/** Where a workload's pods may run: the pool that they select, whether they tolerate its taint or any taint at all. */
type Place = { pod: Pod; pool: string | undefined; isTolerated: boolean; toleratesAll: boolean };

function placesIn(graph: Graph): Place[] {
  return firstOfEach(graph.pods).map((pod) => {
    const { nodeSelector } = pod.pod;
    const said = isMap(nodeSelector) ? nodeSelector[poolKey] : undefined;
    const pool = typeof said === 'string' ? said : undefined;
    const tolerations = maps(pod.pod.tolerations);
    const isExists = ({ operator }: (typeof tolerations)[number]) => operator === 'Exists';
    const ofPools = tolerations.filter(({ key }) => key === poolKey);
    const toleratesAll = tolerations.some(
      (toleration) => text(toleration.key) === '' && isExists(toleration),
    );
    const isTolerated =
      toleratesAll ||
      ofPools.some((toleration) => isExists(toleration) || pool === undefined || toleration.value === pool);
    return { pod, pool, isTolerated, toleratesAll };
  });
}

/** Where an operator's pods take it from the object, it is in `affinity`. */
function at({ path, made }: Pod, field?: 'nodeSelector' | 'tolerations'): FieldPath {
  const within = made === undefined ? path : [...path, 'affinity'];
  return field === undefined ? within : [...within, field];
}

function halfPlaced(graph: Graph): Violation[] {
  const places = placesIn(graph);
  const pools = places.flatMap(({ pool }) => pool ?? []);
  const [home] = pools;
  return places.flatMap(({ pod, pool, isTolerated, toleratesAll }): Violation[] => {
    const found = (message: string, path: FieldPath) => [
      { object: pod.object, path, message: `${shown(pod)} ${message}` },
    ];
    if (pool === undefined && isTolerated && !toleratesAll) {
      const message =
        'tolerates the taint of a node pool and selects no pool: it runs beside who is not in it';
      return found(message, at(pod, 'tolerations'));
    }
    if (pool === undefined && home !== undefined) {
      return found(`is on no node pool, and ${pools.length} others are on ${home}`, at(pod));
    }
    if (pool !== undefined && !isTolerated) {
      return found(`selects the node pool ${pool} and does not tolerate its taint`, at(pod, 'nodeSelector'));
    }
    return pool === home
      ? []
      : found(`is on the node pool ${pool}, and others on ${home}`, at(pod, 'nodeSelector'));
  });
}

/** What runs on another environment's nodes: by selecting them, or by tolerating whatever taint there is. */
function strangers({ environments }: Repository): Violation[] {
  const owners = new Map<string, Graph>();
  const all = environments.map((graph) => ({ graph, places: placesIn(graph) }));
  for (const { graph, places } of all) {
    for (const { pool } of places) {
      if (pool !== undefined && !owners.has(pool)) {
        owners.set(pool, graph);
      }
    }
  }
  return all.flatMap(({ graph, places }) =>
    places.flatMap(({ pod, pool, toleratesAll }): Violation[] => {
      const owner = pool === undefined ? undefined : owners.get(pool);
      if (owner !== undefined && owner !== graph) {
        const message = `${shown(pod)} is on the node pool ${pool}, which is ${owner.target.environment}'s`;
        return [{ object: pod.object, path: at(pod, 'nodeSelector'), message }];
      }
      const others = [...owners].filter(([, other]) => other !== graph).map(([name]) => name);
      const message = `${shown(pod)} tolerates every taint, that of the node pool ${others.join(' and ')} too`;
      return toleratesAll && pool === undefined && others.length > 0
        ? [{ object: pod.object, path: at(pod, 'tolerations'), message }]
        : [];
    }),
  );
}
