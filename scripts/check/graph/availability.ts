import { isMap, type Json, maps, text, type Violation } from '../model.ts';
import { firstOfEach, type Graph, type Node, oncePerGraph, type Pod, shown } from './graph.ts';
import { replicasField } from './operators/operators.ts';
import { type GraphRule, graphRule, inEnvironments, inWorkloads } from './rule.ts';
import { isReplicated, minimumReplicas, scaled, scalerOf } from './scale.ts';

const budgetKind = 'policy/PodDisruptionBudget';

/** Each budget with the pods that it selects, those that operators make first. */
const budgets = oncePerGraph((graph: Graph) =>
  [...graph.made.filter(({ kind }) => kind === budgetKind), ...graph.ofKind(budgetKind)].map((budget) => {
    // A budget without a selector selects none, an empty selector all.
    const { selector } = budget.spec;
    return { budget, pods: isMap(selector) ? graph.selected(budget.object.id.namespace, selector) : [] };
  }),
);

const budgetsOfPods = oncePerGraph((graph: Graph) => {
  const found = new Map<Pod, Node[]>();
  for (const { budget, pods } of budgets(graph)) {
    for (const pod of pods) {
      found.set(pod, [...(found.get(pod) ?? []), budget]);
    }
  }
  return found;
});

export const availabilityRules: GraphRule[] = [
  graphRule(
    {
      id: 'drain-blocked',
      group: 'availability',
      why: 'A budget that needs every replica lets no node be drained: upgrades wait until somebody deletes the pod.',
      fix: 'Keep minAvailable below the replicas (an autoscaler: its minReplicas), or say maxUnavailable: 1.',
    },
    inEnvironments((graph) =>
      budgets(graph).flatMap(({ budget, pods }) =>
        budget.maker === undefined ? blockedDrain(graph, budget, pods) : onlyInstance(budget.maker, pods),
      ),
    ),
  ),
  graphRule(
    {
      id: 'two-budgets',
      group: 'availability',
      why: 'The eviction API refuses a pod that two budgets select, so its node cannot be drained.',
      fix: 'Keep one budget for each pod.',
    },
    inEnvironments((graph) =>
      [...budgetsOfPods(graph)]
        .filter(([, found]) => found.length > 1)
        .map(([pod, [first, second = pod]]) => ({
          object: second.object,
          path: ['spec', 'selector'],
          message: `${shown(pod)} has a budget already: ${first?.object.id.name}`,
        })),
    ),
  ),
  graphRule(
    {
      id: 'budget-missing',
      group: 'availability',
      why: 'Without a budget a drain may evict every replica at once.',
      fix: "Add a PodDisruptionBudget with maxUnavailable: 1 that selects the workload's pods.",
    },
    inEnvironments((graph) => {
      const kept = new Set([...budgetsOfPods(graph).keys()].map(({ object }) => object));
      return firstOfEach(graph.pods)
        .filter((pod) => isReplicated(pod) && !kept.has(pod.object))
        .flatMap((pod): Violation[] => {
          const count = minimumReplicas(graph, pod) ?? 0;
          const message = `${shown(pod)} has ${count} replicas and no PodDisruptionBudget`;
          return count < 2 ? [] : [{ object: pod.object, path: ['metadata', 'name'], message }];
        });
    }),
  ),
  graphRule(
    {
      id: 'stuck-rollout',
      group: 'availability',
      why: 'A rollout that may neither add nor take away a pod cannot begin: the API server refuses it.',
      fix: 'Set maxSurge: 1, or maxUnavailable: 1.',
    },
    inWorkloads((graph) => graph.ofKind('apps/Deployment', 'apps/DaemonSet').flatMap(stuckRollout)),
  ),
  graphRule(
    {
      id: 'single-volume',
      group: 'availability',
      why: 'A ReadWriteOnce volume is attached to one node: the new pod waits for it while the old one is kept.',
      fix: 'Use one replica with strategy type Recreate, a StatefulSet, or a ReadWriteMany volume.',
    },
    inEnvironments((graph) =>
      graph.pods.filter(({ kind }) => kind === 'apps/Deployment').flatMap((pod) => sharedVolumes(graph, pod)),
    ),
  ),
  graphRule(
    {
      id: 'autoscaled-replicas',
      group: 'availability',
      why: 'Where Git says the replicas too, each sync takes back what the autoscaler did.',
      fix:
        'Leave replicas out. Where minimum-replicas needs the number, let the Application ignore it: ' +
        'ignoreDifferences with /spec/replicas, and RespectIgnoreDifferences=true.',
    },
    ({ environments, deployments }) => {
      const applications = Map.groupBy(deployments, ({ graph }) => graph);
      return environments.flatMap((graph) =>
        fights(
          graph,
          (applications.get(graph) ?? []).map(({ application }) => application),
        ),
      );
    },
  ),
];

/**
 * As the disruption controller counts: the pods that may be evicted are those above the healthy ones desired, of as
 * many as the controllers of the selected pods are scaled to; percentages are rounded up.
 */
function blockedDrain(graph: Graph, { object, spec }: Node, pods: Pod[]): Violation[] {
  const counts = pods.map((pod) => {
    if (pod.made !== undefined) {
      return 1;
    }
    return isReplicated(pod) || pod.kind === 'apps/ReplicaSet' ? minimumReplicas(graph, pod) : undefined;
  });
  const total = counts.reduce<number | undefined>(
    (sum, count) => (sum === undefined || count === undefined ? undefined : sum + count),
    0,
  );
  const field = spec.maxUnavailable === undefined ? 'minAvailable' : 'maxUnavailable';
  // These are broken whatever the replicas, which the policy disruption-budget says.
  const always: unknown[] = field === 'minAvailable' ? ['100%'] : [0, '0', '0%'];
  const number = total === undefined ? undefined : scaled(spec[field], total);
  if (total === undefined || total === 0 || number === undefined || always.includes(spec[field])) {
    return [];
  }
  const allowed = field === 'minAvailable' ? total - number : number;
  const keeps = `${field} ${String(spec[field])} of ${total} ${total === 1 ? 'replica' : 'replicas'}`;
  return allowed > 0 ? [] : [{ object, path: ['spec', field], message: `${keeps} lets no pod be evicted` }];
}

/** An operator evicts a pod that leads once another leads: where there is no other it never does. */
function onlyInstance({ object, spec }: Node, pods: Pod[]): Violation[] {
  const isOnly = pods.length === 1 && spec[replicasField(pods[0]?.kind ?? '')] === 1;
  const message = "the operator's budget for the one pod lets no node be drained";
  return isOnly ? [{ object, path: ['spec', 'enablePDB'], message }] : [];
}

function stuckRollout({ kind, object, spec }: Node): Violation[] {
  const field = kind === 'apps/Deployment' ? 'strategy' : 'updateStrategy';
  const strategy = isMap(spec[field]) ? spec[field] : {};
  const { maxUnavailable, maxSurge } = isMap(strategy.rollingUpdate) ? strategy.rollingUpdate : {};
  const isNone = (value: Json | undefined) => value === 0 || value === '0%';
  return strategy.type === 'RollingUpdate' && isNone(maxUnavailable) && isNone(maxSurge)
    ? [
        {
          object,
          path: ['spec', field, 'rollingUpdate'],
          message: 'maxUnavailable and maxSurge are both 0',
        },
      ]
    : [];
}

function sharedVolumes(graph: Graph, pod: Pod): Violation[] {
  const { object, spec } = pod;
  const single = maps(pod.pod.volumes).flatMap(({ persistentVolumeClaim: claim }) => {
    const name = isMap(claim) ? text(claim.claimName) : '';
    const modes = graph.find('PersistentVolumeClaim', object.id.namespace, name)?.spec.accessModes;
    const isSingle =
      Array.isArray(modes) &&
      modes.length > 0 &&
      modes.every((mode) => mode === 'ReadWriteOnce' || mode === 'ReadWriteOncePod');
    return isSingle ? [name] : [];
  });
  const [name] = single;
  if (name === undefined) {
    return [];
  }
  const strategy = isMap(spec.strategy) ? text(spec.strategy.type) : '';
  const count = minimumReplicas(graph, pod) ?? 1;
  if (strategy !== 'Recreate') {
    const message = `a rollout starts a second pod with the ReadWriteOnce volume ${name}`;
    return [{ object, path: ['spec', 'strategy'], message }];
  }
  const message = `${count} replicas share the ReadWriteOnce volume ${name}`;
  return count < 2 ? [] : [{ object, path: ['spec', 'replicas'], message }];
}

function fights(graph: Graph, deployedBy: Node[]): Violation[] {
  // Whether a sync would write the replicas is known by the Application alone.
  return deployedBy.length === 0
    ? []
    : graph.nodes.flatMap((node) => {
        const scaler = scalerOf(graph, node);
        // The defaults say replicas too: what counts is what Git says.
        const said = isMap(node.object.value.spec) ? node.object.value.spec.replicas : undefined;
        if (
          scaler === undefined ||
          typeof said !== 'number' ||
          deployedBy.some((application) => ignoresReplicas(application, node))
        ) {
          return [];
        }
        const message = `Git says ${said} replicas, and ${shown(scaler)} scales it`;
        return [{ object: node.object, path: ['spec', 'replicas'], message }];
      });
}

function ignoresReplicas({ spec }: Node, { kind, object }: Node): boolean {
  const group = kind.includes('/') ? kind.slice(0, kind.indexOf('/')) : '';
  return maps(spec.ignoreDifferences).some((entry) => {
    const { jsonPointers, jqPathExpressions, managedFieldsManagers } = entry;
    const paths = [jsonPointers, jqPathExpressions].flatMap((list) => (Array.isArray(list) ? list : []));
    const isIgnored =
      paths.includes('/spec/replicas') ||
      paths.includes('.spec.replicas') ||
      (Array.isArray(managedFieldsManagers) && managedFieldsManagers.includes('kube-controller-manager'));
    return (
      isIgnored &&
      ['*', group].includes(text(entry.group)) &&
      ['*', object.id.kind].includes(text(entry.kind)) &&
      ['', object.id.name].includes(text(entry.name))
    );
  });
}
