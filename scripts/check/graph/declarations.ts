import { type Resources, resourceKey } from '../admission/resources.ts';
import { labelsOf, selects } from '../admission/selectors.ts';
import { isMap, type Violation } from '../model.ts';
import { type Graph, type Node, shown } from './graph.ts';
import type { Repository } from './repository.ts';
import { type GraphRule, graphRule } from './rule.ts';

/** Every annotation that the check reads. */
const known = [
  'clients',
  'drain-seconds',
  'environments',
  'exemption',
  'fix',
  'group',
  'needs',
  'outside-git',
  'warned',
  'why',
].map((name) => `quotes.check/${name}`);

/** What the check is told must reach it: a slip in telling it would switch a rule off without a word. */
export const declarationRules: GraphRule[] = [
  graphRule(
    {
      id: 'namespace',
      group: 'policies',
      why: 'An object without a namespace lands where whoever applies it happens to be, where no policy or parameter waits for it.',
      fix: "Set namespace in the environment's kustomization.yaml.",
    },
    ({ environments, resources }) => environments.flatMap((graph) => homeless(graph, resources)),
  ),
  graphRule(
    {
      id: 'unknown-annotation',
      group: 'policies',
      why: 'A declaration with a slip in its name declares nothing, and what it should hold is not held.',
      fix: `Correct the name: there are ${known.join(', ')}.`,
    },
    ({ environments, parts, policies }) =>
      [...environments, ...parts, ...policies].flatMap(({ nodes }) => nodes.flatMap(unknownAnnotations)),
  ),
  graphRule(
    {
      id: 'unbound-environment',
      group: 'policies',
      why: 'In a namespace that no binding selects no policy holds, on the pull request or in the cluster.',
      fix: 'Give the Namespace the labels that policies/environments.yaml selects by.',
    },
    unbound,
  ),
];

function unknownAnnotations({ object }: Node): Violation[] {
  const { annotations } = isMap(object.value.metadata) ? object.value.metadata : {};
  return Object.keys(isMap(annotations) ? annotations : {})
    .filter((name) => name.startsWith('quotes.check/') && !known.includes(name))
    .map((name) => ({
      object,
      path: ['metadata', 'annotations', name],
      message: `nothing reads the annotation ${name}`,
    }));
}

function unbound({ environments, policies }: Repository): Violation[] {
  const bindings = policies.flatMap((graph) =>
    graph.ofKind('admissionregistration.k8s.io/ValidatingAdmissionPolicyBinding'),
  );
  // A repository without policies promises none.
  return (bindings.length === 0 ? [] : environments)
    .flatMap((graph) => graph.ofKind('Namespace'))
    .filter(
      ({ object }) =>
        !bindings.some(({ spec }) => {
          const selector = isMap(spec.matchResources) ? spec.matchResources.namespaceSelector : undefined;
          const labels = { ...labelsOf(object.value), 'kubernetes.io/metadata.name': object.id.name };
          return selects(selector, labels);
        }),
    )
    .map(({ object }) => ({
      object,
      path: ['metadata', 'labels'],
      message: `none of ${bindings.length} bindings selects the namespace ${object.id.name}`,
    }));
}

/** Argo CD puts them into its Application's namespace, but the rules look at what the render says. */
function homeless({ nodes }: Graph, resources: Resources): Violation[] {
  return nodes
    .filter(
      ({ object }) =>
        object.id.namespace === '' &&
        resources.get(resourceKey(object.apiVersion, object.id.kind))?.namespaced === true,
    )
    .map(({ object }) => ({
      object,
      path: ['metadata', 'namespace'],
      message: `no kustomization gives ${shown({ object })} a namespace`,
    }));
}
