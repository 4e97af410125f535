import { selects } from '../admission/selectors.ts';
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
import { containersOf, type Graph, type Node, type Pod, shown } from './graph.ts';
import { podMonitor } from './monitors.ts';
import { outsideAnnotation, podsOutside } from './outside.ts';
import { type GraphRule, graphRule, inEnvironments, inWorkloads } from './rule.ts';

const withSelector = ['apps/Deployment', 'apps/StatefulSet', 'apps/DaemonSet', 'apps/ReplicaSet'];

export const selectorRules: GraphRule[] = [
  graphRule(
    {
      id: 'dead-selector',
      group: 'references',
      why: 'A Service or a PodMonitor without pods has nothing to ask; a budget, a network policy or a spread for no pod protects none.',
      fix:
        "Give the selector the labels that the workload's pod template has. Pods that an operator makes are declared " +
        `on what selects them: ${outsideAnnotation}: Pod/NAME.`,
    },
    inEnvironments((graph) => [
      ...graph.ofKind(...Object.keys(selectorFields)).flatMap((node): Violation[] => {
        const path = podsOutside(node).length > 0 ? undefined : deadSelector(graph, node);
        return path === undefined
          ? []
          : [{ object: node.object, path, message: `${shown(node)} selects no pod` }];
      }),
      ...graph.pods.flatMap((pod) => [...deadSpread(pod), ...deadAntiAffinity(graph, pod)]),
    ]),
  ),
  graphRule(
    {
      id: 'workload-selector',
      group: 'references',
      why: 'The API server refuses a workload whose selector does not select its own pods.',
      fix: 'Use the same labels in spec.selector and in spec.template.metadata.labels.',
    },
    inWorkloads((graph, complete) =>
      graph.pods
        .filter(
          ({ kind, spec, labels }) => withSelector.includes(kind) && departs(spec.selector, labels, complete),
        )
        .map(({ object }) => ({
          object,
          path: ['spec', 'selector'],
          message: "the selector does not select the template's labels",
        })),
    ),
  ),
  graphRule(
    {
      id: 'volume-mount',
      group: 'references',
      why: 'The API server refuses a pod that mounts a volume it does not have.',
      fix: "Add the volume under volumes, or correct the mount's name.",
    },
    inWorkloads((graph) => graph.pods.flatMap(lostMounts)),
  ),
];

const selectorFields: Record<string, 'selector' | 'podSelector'> = {
  Service: 'selector',
  'policy/PodDisruptionBudget': 'selector',
  [podMonitor]: 'selector',
  'networking.k8s.io/NetworkPolicy': 'podSelector',
};

/** The field by which an object selects pods, when the pods of its target are none that it selects. */
export function deadSelector(graph: Graph, { kind, object, spec }: Node): FieldPath | undefined {
  const field = selectorFields[kind];
  if (field === undefined) {
    return undefined;
  }
  const value = spec[field];
  const selector: JsonMap = kind === 'Service' ? { matchLabels: value ?? {} } : isMap(value) ? value : {};
  if (kind === 'policy/PodDisruptionBudget' && !isMap(value)) {
    // A budget without a selector selects none, where an empty selector selects all.
    return ['spec', field];
  }
  // The endpoints of a Service without a selector are somebody's who writes them; a monitor may look elsewhere.
  return isEmpty(selector) ||
    spec.type === 'ExternalName' ||
    spec.namespaceSelector !== undefined ||
    graph.selected(object.id.namespace, selector).length > 0
    ? undefined
    : ['spec', field];
}

function isEmpty({ matchLabels, matchExpressions }: JsonMap): boolean {
  return (
    Object.keys(isMap(matchLabels) ? matchLabels : {}).length === 0 && maps(matchExpressions).length === 0
  );
}

/** Pods that a constraint does not count are not spread by it. */
function deadSpread({ object, pod, path, labels }: Pod): Violation[] {
  return maps(pod.topologySpreadConstraints).flatMap(({ labelSelector }, index) =>
    isMap(labelSelector) && selects(labelSelector, labels)
      ? []
      : [
          {
            object,
            path: [...path, 'topologySpreadConstraints', index, 'labelSelector'],
            message: 'this constraint does not count the pods that it stands in, so it spreads none',
          },
        ],
  );
}

const antiAffinityTerms: { list: FieldPath; term: FieldPath }[] = [
  { list: ['affinity', 'podAntiAffinity', 'requiredDuringSchedulingIgnoredDuringExecution'], term: [] },
  {
    list: ['affinity', 'podAntiAffinity', 'preferredDuringSchedulingIgnoredDuringExecution'],
    term: ['podAffinityTerm'],
  },
];

/** Pods that a term does not select are not kept apart from. Terms over other namespaces are not known here. */
function deadAntiAffinity(graph: Graph, { object, pod, path }: Pod): Violation[] {
  const terms = antiAffinityTerms.flatMap(({ list, term }) =>
    maps(valueAt(pod, list)).map((_, index): FieldPath => [...list, index, ...term]),
  );
  return terms.flatMap((term) => {
    const value = valueAt(pod, term);
    const { labelSelector, namespaces, namespaceSelector } = isMap(value) ? value : {};
    const isElsewhere = namespaces !== undefined || namespaceSelector !== undefined;
    return isElsewhere ||
      (isMap(labelSelector) && graph.selected(object.id.namespace, labelSelector).length > 0)
      ? []
      : [
          {
            object,
            path: [...path, ...term, 'labelSelector'],
            message: 'this term selects no pod, so it keeps none apart',
          },
        ];
  });
}

/** A part of a tree may get its labels elsewhere: there only a label of another value is known to be wrong. */
function departs(selector: Json | undefined, labels: JsonMap, complete: boolean): boolean {
  if (!isMap(selector)) {
    return false;
  }
  if (complete) {
    return !selects(selector, labels);
  }
  const wanted = isMap(selector.matchLabels) ? Object.entries(selector.matchLabels) : [];
  return wanted.some(([key, value]) => labels[key] !== undefined && labels[key] !== value);
}

function lostMounts(pod: Pod): Violation[] {
  const templates = pod.kind === 'apps/StatefulSet' ? maps(pod.spec.volumeClaimTemplates) : [];
  const names = new Set([
    ...maps(pod.pod.volumes).map(({ name }) => text(name)),
    ...templates.map((claim) => text(valueAt(claim, ['metadata', 'name']))),
  ]);
  return containersOf(pod).flatMap(({ container, path }) =>
    (['volumeMounts', 'volumeDevices'] as const).flatMap((field) =>
      maps(container[field]).flatMap(({ name }, index) =>
        names.has(text(name))
          ? []
          : [
              {
                object: pod.object,
                path: [...path, field, index, 'name'],
                message: `container ${text(container.name)} mounts ${text(name)}, which is no volume of the pod`,
              },
            ],
      ),
    ),
  );
}
