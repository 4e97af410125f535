import { exemptionAnnotation } from '../admission/idle.ts';
import { readsParameter } from '../admission/policy.ts';
import { labelsOf, selects } from '../admission/selectors.ts';
import { type FieldPath, isMap, type JsonMap, text, type Violation, valueAt } from '../model.ts';
import { containersOf, firstOfEach, type Graph, type Node, type Pod, shown } from './graph.ts';
import { replicasField } from './operators/operators.ts';
import { isOfStage } from './order.ts';
import { parametersOf } from './parameters.ts';
import type { Repository } from './repository.ts';
import { type GraphRule, graphRule } from './rule.ts';
import { minimumReplicas, scalerOf } from './scale.ts';

/** Two environments that follow each other on a change's way: the later must not hold less. */
export type Step = { earlier: Graph; later: Graph };

export const environmentRules: GraphRule[] = [
  graphRule(
    {
      id: 'environment-replicas',
      group: 'environments',
      why: 'What runs with more replicas before it than in the end was not tried as it will run.',
      fix: "Raise the later environment's replicas, or lower the earlier one's.",
    },
    (repository) => steps(repository).flatMap(fewerReplicas),
  ),
  graphRule(
    {
      id: 'environment-safeguards',
      group: 'environments',
      why: 'A safeguard that an earlier environment has and a later one has not is missing where it counts.',
      fix: 'Set it in base/, or in the later overlay too.',
    },
    (repository) =>
      steps(repository).flatMap((step) => [...fewerSafeguards(step), ...fewerPolicies(repository, step)]),
  ),
  graphRule(
    {
      id: 'environment-parameters',
      group: 'environments',
      why: 'A policy that is laxer in a later environment lets through there what was stopped before.',
      fix: "Raise the number, or take from the list, in the later overlay's policy-parameters.yaml.",
    },
    (repository) => steps(repository).flatMap((step) => laxerParameters(repository, step)),
  ),
];

/** Each two environments that follow each other. Those that are not in the order are compared with none. */
export function steps({ environments, order }: Repository): Step[] {
  const present = order
    .map((stage) => environments.filter(({ target }) => isOfStage(target.environment, stage)))
    .filter((stage) => stage.length > 0);
  return present.flatMap((stage, index) =>
    stage.flatMap((later) => (present[index - 1] ?? []).map((earlier) => ({ earlier, later }))),
  );
}

/** The workloads that both environments have, by kind and name: their namespaces differ. */
function inBoth({ earlier, later }: Step): { before: Pod; after: Pod }[] {
  const known = new Map(earlier.pods.map((pod) => [shown(pod), pod]));
  return firstOfEach(later.pods).flatMap((after) => {
    const before = known.get(shown(after));
    return before === undefined ? [] : [{ before, after }];
  });
}

function fewerReplicas(step: Step): Violation[] {
  return inBoth(step).flatMap(({ before, after }): Violation[] => {
    const [most, least] = [minimumReplicas(step.earlier, before), minimumReplicas(step.later, after)];
    if (most === undefined || least === undefined || least >= most) {
      return [];
    }
    const scaler = scalerOf(step.later, after);
    const environment = step.earlier.target.environment;
    return [
      {
        object: (scaler ?? after).object,
        path: ['spec', scaler === undefined ? replicasField(after.kind) : 'minReplicas'],
        message: `${shown(after)} has ${least} of the ${most} replicas that it has in ${environment}`,
      },
    ];
  });
}

const amounts = ['cpu', 'memory', 'ephemeral-storage'];

/** What makes a container safer by being there. What loosens one, such as privileged, is no safeguard to demand. */
const ofContainers: FieldPath[] = [
  ['livenessProbe'],
  ['readinessProbe'],
  ['startupProbe'],
  ['lifecycle', 'preStop'],
  ...amounts.flatMap((amount) => [
    ['resources', 'limits', amount],
    ['resources', 'requests', amount],
  ]),
  ['securityContext', 'runAsNonRoot'],
  ['securityContext', 'readOnlyRootFilesystem'],
  ['securityContext', 'seccompProfile'],
  ['securityContext', 'capabilities', 'drop'],
];

const ofPods: FieldPath[] = [
  ['runtimeClassName'],
  ['securityContext', 'runAsNonRoot'],
  ['securityContext', 'seccompProfile'],
];

function fewerSafeguards(step: Step): Violation[] {
  return inBoth(step).flatMap(({ before, after }) => {
    const own = containersOf(after);
    const lost = [
      ...ofPods
        .filter((path) => isLost(before.pod, after.pod, path))
        .map((path) => ({ path: [...after.path, ...path], what: path.join('.') })),
      ...containersOf(before).flatMap(({ container }) => {
        const same = own.find((candidate) => candidate.container.name === container.name);
        return same === undefined
          ? []
          : ofContainers
              .filter((path) => isLost(container, same.container, path))
              .map((path) => ({
                path: [...same.path, ...path],
                what: `${path.join('.')} of container ${text(container.name)}`,
              }));
      }),
    ];
    return lost.map(({ path, what }) => ({
      object: after.object,
      path,
      message: `${shown(after)} lacks ${what}, which it has in ${step.earlier.target.environment}`,
    }));
  });
}

function isLost(before: JsonMap, after: JsonMap, path: FieldPath): boolean {
  return valueAt(before, path) !== undefined && valueAt(after, path) === undefined;
}

/**
 * Bindings choose namespaces by label: one that denies in the earlier environment denies in the later. What an exemption
 * left over is accepted.
 */
function fewerPolicies({ policies }: Repository, { earlier, later }: Step): Violation[] {
  const all = policies.flatMap((graph) =>
    graph.ofKind('admissionregistration.k8s.io/ValidatingAdmissionPolicyBinding'),
  );
  const holds = ({ spec }: Node, labels: JsonMap) =>
    selects(isMap(spec.matchResources) ? spec.matchResources.namespaceSelector : undefined, labels);
  const before = earlier.ofKind('Namespace').map(namespaceLabels);
  const denying = all
    .filter(
      ({ object }) => valueAt(object.value, ['metadata', 'annotations', exemptionAnnotation]) === undefined,
    )
    .filter(({ spec }) => Array.isArray(spec.validationActions) && spec.validationActions.includes('Deny'));
  return later.ofKind('Namespace').flatMap((namespace) => {
    const { object } = namespace;
    const labels = namespaceLabels(namespace);
    const lost = denying.filter(
      (binding) => before.some((own) => holds(binding, own)) && !holds(binding, labels),
    );
    const message = `${lost.length} policies that deny in ${earlier.target.environment} do not hold here`;
    // A namespace that none holds in has a finding of its own.
    const some = lost.length > 0 && all.some((binding) => holds(binding, labels));
    return some ? [{ object, path: ['metadata', 'labels'], message }] : [];
  });
}

/** A namespace's labels, with the one that the API server gives it. */
function namespaceLabels({ object }: Node): JsonMap {
  return { ...labelsOf(object.value), 'kubernetes.io/metadata.name': object.id.name };
}

function laxerParameters({ policyRules }: Repository, { earlier, later }: Step): Violation[] {
  const before = new Map(parametersOf(earlier).flatMap(({ data }) => Object.entries(data)));
  // That an environment has none has a finding of its own.
  const compared = parametersOf(earlier).length > 0 ? parametersOf(later) : [];
  return compared.flatMap(({ node, data }) =>
    Object.entries(data).flatMap(([key, value]): Violation[] => {
      const how = laxer(key, text(before.get(key)), text(value));
      const message = `${key} ${how} in ${earlier.target.environment}`;
      const isRead = policyRules.some((policy) => readsParameter(policy, key));
      return how === undefined || !isRead ? [] : [{ object: node.object, path: ['data', key], message }];
    }),
  );
}

/**
 * Numbers say how much is asked for. Everything else is a list of what is let through, of names or of prefixes, or of
 * what is not where the key's last word begins with `refused-`.
 */
function laxer(key: string, was: string, is: string): string | undefined {
  if (/^\d+$/.test(is)) {
    return Number(is) < Number(was) ? `is ${is}, and ${was}` : undefined;
  }
  if (/^\d+$/.test(was)) {
    // What should be a number and is none has a finding of its own.
    return undefined;
  }
  if (/\.refused-[^.]*$/.test(key)) {
    const refused = words(is);
    const lost = words(was).filter((word) => !refused.includes(word));
    return lost.length > 0 ? `lets ${lost.join(' and ')} through, which it does not` : undefined;
  }
  const allowed = words(was);
  const more = words(is).filter((word) => !allowed.some((prefix) => word.startsWith(prefix)));
  return more.length > 0 ? `lets ${more.join(' and ')} through, which it does not` : undefined;
}

function words(list: string): string[] {
  return list.split(/\s+/).filter((word) => word !== '');
}
