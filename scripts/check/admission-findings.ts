import { type PolicyViolation, policyViolations } from './admission/gate.ts';
import type { Policy } from './admission/policy.ts';
import type { Resources } from './admission/resources.ts';
import type { Conformance } from './conformance.ts';
import { kustomizationObject } from './graph/applications.ts';
import { type Finding, isMap, type RenderedObject, type Violation } from './model.ts';

/** What breaks a rule, before its place is looked up. A policy's severity is that of the binding that found it. */
export type Broken = { rule: string; violation: Violation; severity?: Finding['severity'] };

/** What the policies find in what the cluster would let them see, as findings about the manifests. */
export function judgeAdmission(
  objects: RenderedObject[],
  conformance: Conformance,
  policies: Policy[],
  resources: Resources,
  only: (rule: string) => boolean,
): { broken: Broken[]; passedOver: string[] } {
  // The cluster refuses what departs from its schema before any policy sees it.
  const refused = new Set(
    conformance.violations.filter(({ rule }) => rule !== 'unknown-field').map(({ object }) => object),
  );
  const judged = objects.filter((object) => !refused.has(object));
  const { violations: all, passedOver } = policyViolations(judged, policies, resources);
  const violations = withoutEchoes(all);
  const isUnguided = ({ lacks, object }: PolicyViolation) =>
    lacks !== undefined && object.target.role === 'environment';
  const broken = violations
    .filter((violation) => !isUnguided(violation))
    .map(
      (violation): Broken => ({
        rule: violation.policy.rule.id,
        violation: atParameter(violation, objects) ?? violation,
        severity: violation.actions.includes('Deny') ? 'error' : 'warning',
      }),
    );
  const unguided = withoutParameters(violations.filter(isUnguided), only);
  return { broken: [...broken, ...unguided], passedOver: [...passedOver].sort() };
}

/** What is denied is one thing to mend, whichever bindings warn of it besides: where no namespace is known, all hold. */
function withoutEchoes(violations: PolicyViolation[]): PolicyViolation[] {
  const denied = new Map<RenderedObject, PolicyViolation[]>(
    Map.groupBy(
      violations.filter(({ actions }) => actions.includes('Deny')),
      ({ object }) => object,
    ),
  );
  return violations.filter(
    ({ policy, object, message, actions }) =>
      actions.includes('Deny') ||
      !denied.get(object)?.some((other) => other.policy === policy && other.message === message),
  );
}

/** Where a policy ends in an error at a parameter's value, the parameter is what to mend, not the object. */
function atParameter(
  { policy, object, message }: PolicyViolation,
  objects: RenderedObject[],
): Violation | undefined {
  const value = /ended in an error: no \w+: (.*)$/s.exec(message)?.[1];
  for (const parameters of value === undefined || policy.paramKind === undefined ? [] : objects) {
    const { data } = parameters.value;
    const key = Object.entries(isMap(data) ? data : {}).find(([, said]) => said === value)?.[0];
    if (
      key !== undefined &&
      parameters.id.kind === policy.paramKind?.kind &&
      parameters.id.namespace === object.id.namespace &&
      parameters.target === object.target
    ) {
      return { object: parameters, path: ['data', key], message: `${key}: ${message}` };
    }
  }
  return undefined;
}

/** What the cluster says of each object is one thing to mend: the environment's parameters. */
function withoutParameters(violations: PolicyViolation[], only: (rule: string) => boolean): Broken[] {
  const places = Map.groupBy(violations, ({ object, lacks }) =>
    [object.target.environment, object.id.namespace, lacks].join('\0'),
  );
  return [...places.values()].flatMap((found) => {
    const [first] = found;
    const target = first?.object.target;
    if (first === undefined || target === undefined || !('dir' in target)) {
      return [];
    }
    const policies = [...new Set(found.map(({ policy }) => policy.rule.id))].sort();
    const where = `namespace ${first.object.id.namespace} has no ${first.policy.paramKind?.kind} ${first.lacks}`;
    const message = `${where}, so nothing there passes ${policies.join(' and ')}`;
    // A rule that was chosen and cannot be judged must not look kept.
    const rule = only('policy-parameters') ? 'policy-parameters' : first.policy.rule.id;
    return [{ rule, violation: { object: kustomizationObject(target), path: [], message } }];
  });
}
