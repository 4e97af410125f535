import { type FieldPath, type JsonMap, type RenderedObject, type Violation, valueAt } from '../model.ts';
import type { Expression } from './cel.ts';
import type { MatchResources, ResourceRule } from './constraints.ts';
import { isNamespace, rangesOver } from './match.ts';
import { renderedNamespaces } from './namespaces.ts';
import type { Binding, Policy } from './policy.ts';
import type { Resource, Resources } from './resources.ts';
import { labelsOf, selects } from './selectors.ts';

/** The annotation of a binding that an exemption made: it may hold in no namespace that there is. */
export const exemptionAnnotation = 'quotes.check/exemption';

/**
 * What can never hold anything, of policies and bindings as they are written. `objects`: all that is rendered, when
 * everything is; namespaces are looked for among them.
 */
export function idle(
  policies: Policy[],
  policyObjects: RenderedObject[],
  resources: Resources,
  objects: RenderedObject[] | undefined,
): Violation[] {
  const served = [...new Set(resources.values())];
  const rendered = objects === undefined ? new Map() : namespaceLabels(objects);
  // Namespaces that nothing selects at all have a finding of their own.
  const namespaces = policies.some((policy) =>
    policy.bindings.some((binding) => selectsAny(policy, binding, rendered)),
  )
    ? rendered
    : new Map();
  const written = new Map(policyObjects.map((object) => [`${object.id.kind} ${object.id.name}`, object]));
  return policies.flatMap((policy): Violation[] => {
    const object = written.get(`ValidatingAdmissionPolicy ${policy.rule.id}`);
    const own = covered(policy.match, served);
    const at = (path: FieldPath, message: string): Violation[] =>
      object === undefined
        ? []
        : [{ object, path: ['spec', ...path], message: `policy ${policy.rule.id}: ${message}` }];
    const unserved = (policy.match.resourceRules ?? []).flatMap((rule, index) =>
      unservedItems(rule, served).flatMap(({ path, message }) =>
        at(['matchConstraints', 'resourceRules', index, ...path], message),
      ),
    );
    const excluded =
      unserved.length === 0 && own.length === 0
        ? at(['matchConstraints', 'excludeResourceRules'], 'it excludes every kind that it matches')
        : [];
    const bindings = policy.bindings.flatMap((binding) => {
      const found = idleBinding(policy, binding, own, namespaces);
      const bound = written.get(`ValidatingAdmissionPolicyBinding ${binding.name}`);
      const made = bound && valueAt(bound.value, ['metadata', 'annotations', exemptionAnnotation]);
      return found === undefined || bound === undefined || made !== undefined
        ? []
        : [
            {
              object: bound,
              path: ['spec', 'matchResources', found.field],
              message: `binding ${binding.name}: ${found.message}`,
            },
          ];
    });
    return [...unserved, ...excluded, ...constants(policy, at), ...(own.length === 0 ? [] : bindings)];
  });
}

/** The labels of namespaces, by name. */
type Namespaces = Map<string, JsonMap>;

/** Conditions that hold for nothing, validations that nothing breaks. */
function constants(policy: Policy, at: (path: FieldPath, message: string) => Violation[]): Violation[] {
  return [
    ...policy.matchConditions.flatMap((expression, index) =>
      constant(expression) === false
        ? at(['matchConditions', index, 'expression'], 'this condition is false whatever the object')
        : [],
    ),
    ...policy.validations.flatMap(({ expression }, index) =>
      constant(expression) === true
        ? at(['validations', index, 'expression'], 'this holds whatever the object')
        : [],
    ),
  ];
}

/** What an expression comes to without being told anything, undefined where it asks for something. */
function constant({ evaluate }: Expression): unknown {
  try {
    return evaluate({});
  } catch {
    return undefined;
  }
}

function idleBinding(
  policy: Policy,
  binding: Binding,
  own: Resource[],
  namespaces: Namespaces,
): { field: string; message: string } | undefined {
  const both = covered(binding.match, own);
  if (both.length === 0) {
    const field =
      covered({ ...binding.match, excludeResourceRules: [] }, own).length === 0
        ? 'resourceRules'
        : 'excludeResourceRules';
    return { field, message: `it leaves over no kind that policy ${policy.rule.id} matches` };
  }
  const ofCluster = both.some((resource) => !resource.namespaced && !isNamespace(resource));
  // What has no namespace is held whatever the selector.
  return ofCluster || namespaces.size === 0 || selectsAny(policy, binding, namespaces)
    ? undefined
    : {
        field: 'namespaceSelector',
        message: `it selects none of the namespaces ${[...namespaces.keys()].sort().join(', ')}`,
      };
}

function selectsAny({ match }: Policy, binding: Binding, namespaces: Namespaces): boolean {
  return [...namespaces.values()].some(
    (labels) => selects(binding.match.namespaceSelector, labels) && selects(match.namespaceSelector, labels),
  );
}

/** The kinds of which objects are judged, whatever their names. */
function covered({ resourceRules, excludeResourceRules }: MatchResources, among: Resource[]): Resource[] {
  return among.filter(
    (resource) =>
      (resourceRules === undefined ||
        resourceRules.length === 0 ||
        resourceRules.some((rule) => reaches(rule, resource))) &&
      !excludeResourceRules.some(
        (rule) =>
          rule.resourceNames.length === 0 &&
          rule.operations.some((operation) => operation === 'CREATE' || operation === '*') &&
          reaches(rule, resource),
      ),
  );
}

function reaches(rule: ResourceRule, resource: Resource): boolean {
  return [resource.version, ...resource.otherVersions].some((version) => rangesOver(rule, resource, version));
}

/** The groups and resources of a rule that no served kind has; its versions where none of them is served. */
function unservedItems(rule: ResourceRule, served: Resource[]): { path: FieldPath; message: string }[] {
  const isReached = (changed: Partial<ResourceRule>) =>
    served.some((resource) => reaches({ ...rule, ...changed }, resource));
  const dead = (field: 'apiGroups' | 'resources', item: string, index: number) =>
    isReached({ [field]: [withoutSubresource(item)] })
      ? []
      : [{ path: [field, index], message: `the cluster serves no ${described(rule, field, item)}` }];
  const items = (['apiGroups', 'resources'] as const).map((field) =>
    rule[field].flatMap((item, index) => dead(field, item, index)),
  );
  // Where nothing is reached at all, each item seems to be at fault: the first one that is by itself.
  if (!isReached({ resources: rule.resources.map(withoutSubresource) })) {
    const fields = ['apiGroups', 'apiVersions', 'resources', 'scope'] as const;
    const culprit = fields.find((field) =>
      isReached({
        resources: rule.resources.map(withoutSubresource),
        [field]: field === 'scope' ? '*' : ['*'],
      }),
    );
    const field = culprit ?? 'apiGroups';
    return [
      { path: [field], message: `no kind that the cluster serves has ${field} ${String(rule[field])}` },
    ];
  }
  return items.flat();
}

function described(rule: ResourceRule, field: 'apiGroups' | 'resources', item: string): string {
  return field === 'resources'
    ? `${item} in ${rule.apiGroups.map((group) => group || 'the core group').join(', ')} ${rule.apiVersions.join(', ')}`
    : `${rule.resources.join(', ')} in ${item || 'the core group'} ${rule.apiVersions.join(', ')}`;
}

/** A subresource is known by its object's resource. */
function withoutSubresource(item: string): string {
  return item.replace(/\/.*$/, '');
}

/** The labels of every namespace that is rendered, or that something rendered is in. */
function namespaceLabels(objects: RenderedObject[]): Namespaces {
  const named = (name: string) => ({ 'kubernetes.io/metadata.name': name });
  return new Map([
    ...objects
      .filter(({ id }) => id.namespace !== '')
      .map(({ id }) => [id.namespace, named(id.namespace)] as const),
    ...[...renderedNamespaces(objects)].map(([name, value]) => [name, labelsOf(value)] as const),
  ]);
}
