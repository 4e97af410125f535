import type { Json, JsonMap, RenderedObject } from '../model.ts';
import type { MatchResources, ResourceRule } from './constraints.ts';
import type { Resource } from './resources.ts';
import { labelsOf, selects } from './selectors.ts';

/** What of an object a policy's and a binding's constraints look at. */
export type Request = {
  object: RenderedObject;
  /** The object as it is admitted. It is not made before somebody asks. */
  admitted: () => JsonMap;
  resource: Resource;
  /** The labels of the object's namespace, its own where it is one; undefined where no render says them. */
  namespaceLabels: JsonMap | undefined;
};

/**
 * Whether constraints match an object that is being created. 'converted': only another version of it would be
 * matched, and the API server would convert it, which nothing but the API server can.
 */
export type Match = 'yes' | 'no' | 'converted';

/** `Matcher.Matches` of k8s.io/apiserver/pkg/admission/plugin/policy/matching, in the same order. */
export function matches(constraints: MatchResources, request: Request): Match {
  if (
    !selectsNamespace(constraints.namespaceSelector, request) ||
    (constraints.objectSelector !== undefined &&
      !selects(constraints.objectSelector, labelsOf(request.admitted())))
  ) {
    return 'no';
  }
  const excluded = anyRule(constraints.excludeResourceRules, constraints.matchPolicy, request);
  if (excluded !== 'no') {
    return excluded === 'yes' ? 'no' : 'converted';
  }
  // A binding without rules leaves the choice to its policy.
  return constraints.resourceRules === undefined || constraints.resourceRules.length === 0
    ? 'yes'
    : anyRule(constraints.resourceRules, constraints.matchPolicy, request);
}

function selectsNamespace(selector: Json | undefined, { resource, namespaceLabels }: Request): boolean {
  // Cluster-wide objects have no namespace whose labels could leave them out; a Namespace is judged by its own.
  if (!resource.namespaced && !isNamespace(resource)) {
    return true;
  }
  return namespaceLabels === undefined || selects(selector, namespaceLabels);
}

function anyRule(rules: ResourceRule[], policy: 'Exact' | 'Equivalent', request: Request): Match {
  if (rules.some((rule) => ruleMatches(rule, request, request.resource.version))) {
    return 'yes';
  }
  const others = request.resource.otherVersions;
  const converted = rules.some((rule) => others.some((version) => ruleMatches(rule, request, version)));
  return policy === 'Equivalent' && converted ? 'converted' : 'no';
}

function ruleMatches(rule: ResourceRule, { object, resource }: Request, version: string): boolean {
  return (
    rangesOver(rule, resource, version) &&
    holds(rule.operations, 'CREATE') &&
    (rule.resourceNames.length === 0 || rule.resourceNames.includes(object.id.name))
  );
}

/** Whether a rule is of a kind in one of its versions, whatever the operation and the object. */
export function rangesOver(rule: ResourceRule, resource: Resource, version: string): boolean {
  const inScope =
    rule.scope === '*' || (rule.scope === 'Namespaced') === (resource.namespaced && !isNamespace(resource));
  return (
    inScope &&
    holds(rule.apiGroups, resource.group) &&
    holds(rule.apiVersions, version) &&
    rule.resources.some((name) => ['*', '*/*', resource.name, `${resource.name}/*`].includes(name))
  );
}

function holds(items: string[], wanted: string): boolean {
  return items.includes('*') || items.includes(wanted);
}

/** Namespaces count as cluster-wide by their scope, and as their own namespace by selectors. */
export function isNamespace({ group, name }: Resource): boolean {
  return group === '' && name === 'namespaces';
}
