import {
  type FieldPath,
  isMap,
  type Json,
  type JsonMap,
  maps,
  type RenderedObject,
  type Rule,
  text,
  type Violation,
} from '../model.ts';
import { compile, type Expression, Unsupported } from './cel.ts';
import { type MatchResources, onlyFields, parseMatch, Refused } from './constraints.ts';

export type ValidationAction = 'Deny' | 'Warn' | 'Audit';

export type Binding = {
  name: string;
  match: MatchResources;
  actions: ValidationAction[];
  /** Undefined where the binding gives no parameters: the expressions then see null. */
  paramRef:
    | { name: string; selector: Json | undefined; namespace: string; notFound: 'Allow' | 'Deny' }
    | undefined;
};

type Validation = {
  expression: Expression;
  message: string;
  messageExpression: Expression | undefined;
};

/** A ValidatingAdmissionPolicy with its bindings. It is a rule of the check, whose id is the policy's name. */
export type Policy = {
  rule: Rule;
  paramKind: { apiVersion: string; kind: string } | undefined;
  failurePolicy: 'Fail' | 'Ignore';
  match: MatchResources;
  matchConditions: Expression[];
  variables: Map<string, Expression>;
  validations: Validation[];
  bindings: Binding[];
};

const annotationPrefix = 'quotes.check/';

/**
 * The policies among the objects, each with its bindings. What of a policy cannot be judged as the cluster would is
 * refused with its place, and so is a policy without a binding or a binding without a policy: neither holds anything.
 * Schemas vouch for types elsewhere, so a value of the wrong type reads here as absent.
 */
export function readPolicies(objects: RenderedObject[]): { policies: Policy[]; refusals: Violation[] } {
  const refusals: Violation[] = [];
  const read = <T>(object: RenderedObject, kind: string, parse: (spec: JsonMap) => T): T | undefined => {
    try {
      return parse(isMap(object.value.spec) ? object.value.spec : {});
    } catch (error) {
      if (!(error instanceof Refused)) {
        throw error;
      }
      const message = `${kind} ${object.id.name}: ${error.message}`;
      refusals.push({ object, path: error.path, message });
      return undefined;
    }
  };
  const ofKind = (kind: string) => objects.filter(({ id }) => id.kind === kind);
  const policyObjects = ofKind('ValidatingAdmissionPolicy');
  const bindings = Map.groupBy(
    ofKind('ValidatingAdmissionPolicyBinding').flatMap((object) => {
      const binding = read(object, 'binding', (spec) => parseBinding(object, spec));
      const policy = policyOf(object);
      if (!policyObjects.some(({ id }) => id.name === policy)) {
        refusals.push({
          object,
          path: ['spec', 'policyName'],
          message: `binding ${object.id.name}: there is no policy "${policy}"`,
        });
      }
      return binding === undefined ? [] : [{ policy, binding }];
    }),
    ({ policy }) => policy,
  );
  const policies = policyObjects.flatMap((object) => {
    const bound = (bindings.get(object.id.name) ?? []).map(({ binding }) => binding);
    const policy = read(object, 'policy', (spec) => parsePolicy(object, spec, bound));
    if (!ofKind('ValidatingAdmissionPolicyBinding').some((binding) => policyOf(binding) === object.id.name)) {
      refusals.push({
        object,
        path: ['metadata', 'name'],
        message: `policy ${object.id.name}: no binding puts it to work`,
      });
    }
    return policy === undefined ? [] : [policy];
  });
  return { policies, refusals };
}

/** Whether one of a policy's expressions names a parameter, or what its key begins with up to a dot. */
export function readsParameter(policy: Policy, key: string): boolean {
  const { paramKind, matchConditions, variables, validations } = policy;
  const expressions = [
    ...matchConditions,
    ...variables.values(),
    ...validations.flatMap(({ expression, messageExpression }) =>
      [expression, messageExpression ?? []].flat(),
    ),
  ];
  return (
    paramKind !== undefined &&
    expressions.some(({ names }) =>
      names.some((name) => name === key || (name.endsWith('.') && key.startsWith(name))),
    )
  );
}

function policyOf({ value }: RenderedObject): string {
  return isMap(value.spec) ? text(value.spec.policyName) : '';
}

function parsePolicy(object: RenderedObject, spec: JsonMap, bindings: Binding[]): Policy {
  const annotations = isMap(object.value.metadata) ? object.value.metadata.annotations : undefined;
  const said = (name: 'group' | 'why' | 'fix'): string => {
    const annotation = annotationPrefix + name;
    const words = isMap(annotations) ? text(annotations[annotation]).trim() : '';
    if (words === '') {
      throw new Refused(['metadata', 'annotations'], `it lacks the annotation ${annotation}`);
    }
    return words;
  };
  onlyFields(spec, ['spec'], policyFields);
  if (!['', 'Fail', 'Ignore'].includes(text(spec.failurePolicy))) {
    throw new Refused(['spec', 'failurePolicy'], 'failurePolicy must be Fail or Ignore');
  }
  const match = parseMatch(spec.matchConstraints, ['spec', 'matchConstraints']);
  const creates = (match.resourceRules ?? []).some(({ operations }) =>
    operations.some((operation) => operation === 'CREATE' || operation === '*'),
  );
  if (!creates) {
    throw new Refused(
      ['spec', 'matchConstraints', 'resourceRules'],
      'no rule matches CREATE, as which a render is judged',
    );
  }
  const variables = new Map<string, Expression>();
  const expression = (source: Json | undefined, path: FieldPath, returns: 'bool' | 'string' | 'dyn') =>
    compileAt(text(source), path, returns, variables);
  for (const [index, { name, expression: source }] of maps(spec.variables).entries()) {
    variables.set(text(name), expression(source, ['spec', 'variables', index, 'expression'], 'dyn'));
  }
  return {
    rule: {
      id: object.id.name,
      group: said('group'),
      gates: 'both',
      severity: bindings.some(({ actions }) => actions.includes('Deny')) ? 'error' : 'warning',
      why: said('why'),
      fix: said('fix'),
    },
    paramKind: isMap(spec.paramKind)
      ? { apiVersion: text(spec.paramKind.apiVersion), kind: text(spec.paramKind.kind) }
      : undefined,
    failurePolicy: spec.failurePolicy === 'Ignore' ? 'Ignore' : 'Fail',
    match,
    matchConditions: maps(spec.matchConditions).map((condition, index) =>
      expression(condition.expression, ['spec', 'matchConditions', index, 'expression'], 'bool'),
    ),
    variables,
    validations: maps(spec.validations).map((validation, index) => {
      const at: FieldPath = ['spec', 'validations', index];
      return {
        expression: expression(validation.expression, [...at, 'expression'], 'bool'),
        message: text(validation.message).trim(),
        messageExpression:
          validation.messageExpression === undefined
            ? undefined
            : expression(validation.messageExpression, [...at, 'messageExpression'], 'string'),
      };
    }),
    bindings,
  };
}

const policyFields = [
  'failurePolicy',
  'matchConditions',
  'matchConstraints',
  'paramKind',
  'validations',
  'variables',
];

function parseBinding(object: RenderedObject, spec: JsonMap): Binding {
  onlyFields(spec, ['spec'], ['matchResources', 'paramRef', 'policyName', 'validationActions']);
  const { paramRef, validationActions } = spec;
  const actions = Array.isArray(validationActions) ? validationActions : [];
  // As ValidateValidatingAdmissionPolicyBinding of k8s.io/kubernetes has it: the API server takes no other.
  if (
    actions.length === 0 ||
    !actions.every(isAction) ||
    new Set(actions).size < actions.length ||
    (actions.includes('Deny') && actions.includes('Warn'))
  ) {
    const message =
      'validationActions are some of Deny, Warn and Audit, each once, and not both Deny and Warn';
    throw new Refused(['spec', 'validationActions'], message);
  }
  if (isMap(paramRef)) {
    if (!['Allow', 'Deny'].includes(text(paramRef.parameterNotFoundAction))) {
      throw new Refused(['spec', 'paramRef'], 'parameterNotFoundAction must be Allow or Deny');
    }
    if ((text(paramRef.name) === '') === (paramRef.selector === undefined)) {
      throw new Refused(
        ['spec', 'paramRef'],
        'paramRef names its parameters or selects them, one of the two',
      );
    }
  }
  return {
    name: object.id.name,
    match: parseMatch(spec.matchResources, ['spec', 'matchResources']),
    actions: actions.filter(isAction),
    paramRef: isMap(paramRef)
      ? {
          name: text(paramRef.name),
          selector: paramRef.selector,
          namespace: text(paramRef.namespace),
          notFound: paramRef.parameterNotFoundAction === 'Allow' ? 'Allow' : 'Deny',
        }
      : undefined,
  };
}

function isAction(value: Json): value is ValidationAction {
  return value === 'Deny' || value === 'Warn' || value === 'Audit';
}

function compileAt(
  source: string,
  path: FieldPath,
  returns: 'bool' | 'string' | 'dyn',
  variables: Map<string, Expression>,
): Expression {
  try {
    return compile(source, returns, variables);
  } catch (error) {
    if (!(error instanceof Unsupported)) {
      throw error;
    }
    const near = source.slice(error.offset).split('\n')[0]?.slice(0, 60) ?? '';
    throw new Refused(path, `${error.message}${near === '' ? '' : ` at "${near}"`}`);
  }
}
