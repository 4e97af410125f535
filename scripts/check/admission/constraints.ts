import { type FieldPath, isMap, type Json, type JsonMap, maps } from '../model.ts';

type Operation = 'CREATE' | 'UPDATE' | 'DELETE' | 'CONNECT' | '*';

/** One entry of resourceRules or excludeResourceRules. */
export type ResourceRule = {
  apiGroups: string[];
  apiVersions: string[];
  resources: string[];
  operations: Operation[];
  resourceNames: string[];
  scope: '*' | 'Cluster' | 'Namespaced';
};

/** MatchResources with the API's defaults filled in; a selector that is absent selects everything. */
export type MatchResources = {
  /** Undefined in a binding that says none: then the policy's own rules decide alone. */
  resourceRules: ResourceRule[] | undefined;
  excludeResourceRules: ResourceRule[];
  namespaceSelector: Json | undefined;
  objectSelector: Json | undefined;
  matchPolicy: 'Exact' | 'Equivalent';
};

/** Something about a policy that would make the check and the cluster judge differently. */
export class Refused extends Error {
  readonly path: FieldPath;
  constructor(path: FieldPath, message: string) {
    super(message);
    this.path = path;
  }
}

/**
 * What a policy or a binding says of the objects that it matches.
 * @throws {Refused} for a field that is not known here
 */
export function parseMatch(value: Json | undefined, path: FieldPath): MatchResources {
  const match = isMap(value) ? value : {};
  onlyFields(match, path, [
    'excludeResourceRules',
    'matchPolicy',
    'namespaceSelector',
    'objectSelector',
    'resourceRules',
  ]);
  const rules = (field: 'excludeResourceRules' | 'resourceRules') =>
    maps(match[field]).map((rule, index) => parseRule(rule, [...path, field, index]));
  const { matchPolicy } = match;
  return {
    resourceRules: match.resourceRules === undefined ? undefined : rules('resourceRules'),
    excludeResourceRules: rules('excludeResourceRules'),
    namespaceSelector: match.namespaceSelector,
    objectSelector: match.objectSelector,
    matchPolicy: matchPolicy === 'Exact' ? 'Exact' : 'Equivalent',
  };
}

function parseRule(rule: JsonMap, path: FieldPath): ResourceRule {
  onlyFields(rule, path, ['apiGroups', 'apiVersions', 'operations', 'resourceNames', 'resources', 'scope']);
  const list = (value: Json | undefined) =>
    Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
  return {
    apiGroups: list(rule.apiGroups),
    apiVersions: list(rule.apiVersions),
    resources: list(rule.resources),
    operations: list(rule.operations) as Operation[],
    resourceNames: list(rule.resourceNames),
    scope: rule.scope === 'Cluster' || rule.scope === 'Namespaced' ? rule.scope : '*',
  };
}

/**
 * A field that this code does not know may change what the cluster says.
 * @throws {Refused}
 */
export function onlyFields(map: JsonMap, path: FieldPath, known: string[]): void {
  const unknown = Object.keys(map).find((field) => !known.includes(field));
  if (unknown !== undefined) {
    throw new Refused([...path, unknown], `${[...path, unknown].join('.')} is not supported by the check`);
  }
}
