import { isMap, type JsonMap, type RenderedObject, type Violation } from '../model.ts';
import { asAdmitted } from './defaults.ts';
import { judge } from './judge.ts';
import { renderedNamespaces } from './namespaces.ts';
import type { Policy, ValidationAction } from './policy.ts';
import { type Resources, resourceKey } from './resources.ts';
import { labelsOf } from './selectors.ts';

/** What a policy finds in an object, and what the cluster does by the binding that brought it to the object. */
export type PolicyViolation = Violation & {
  policy: Policy;
  actions: ValidationAction[];
  /** The parameters without which the policy denies, where these are not there. */
  lacks?: string;
};

/**
 * Holds every object to every policy, as if all of them were created together: parameters and namespaces are looked
 * up among the objects. `passedOver` names the policies whose parameters no environment gives, where paths were
 * checked without one.
 */
export function policyViolations(
  objects: RenderedObject[],
  policies: Policy[],
  resources: Resources,
): { violations: PolicyViolation[]; passedOver: Set<string> } {
  const byPlace = Map.groupBy(objects, ({ apiVersion, id }) => place(apiVersion, id.kind, id.namespace));
  const namespaces = renderedNamespaces(objects);
  const passedOver = new Set<string>();
  const violations = objects.flatMap((object): PolicyViolation[] => {
    const resource = resources.get(resourceKey(object.apiVersion, object.id.kind));
    if (resource === undefined) {
      return [];
    }
    const partial = object.target.role === 'argument';
    const own = resource.name === 'namespaces' ? object.id.name : object.id.namespace;
    const namespace = namespaces.get(own);
    const { decisions, passedOver: passed } = judge(
      policies,
      {
        object,
        admitted: () => asAdmitted(object.value),
        resource,
        namespaceLabels: namespaceLabels(namespace, own, partial),
      },
      {
        find: (apiVersion, kind, within) => byPlace.get(place(apiVersion, kind, within)) ?? [],
        namespace,
        partial,
      },
    );
    for (const policy of passed) {
      passedOver.add(policy);
    }
    return decisions.map(({ binding: _, ...decision }) => ({ ...decision, object }));
  });
  return { violations, passedOver };
}

function namespaceLabels(
  namespace: JsonMap | undefined,
  name: string,
  partial: boolean,
): JsonMap | undefined {
  if (isMap(namespace)) {
    return labelsOf(namespace);
  }
  return partial ? undefined : { 'kubernetes.io/metadata.name': name };
}

function place(apiVersion: string, kind: string, namespace: string): string {
  return `${apiVersion} ${kind} ${namespace}`;
}
