import type { EvaluationError } from '@marcbachmann/cel-js';
import { type FieldPath, isMap, type JsonMap, type RenderedObject } from '../model.ts';
import { type Activation, type CelValue, celValue, type Expression, reason } from './cel.ts';
import { matches, type Request } from './match.ts';
import type { Binding, Policy, ValidationAction } from './policy.ts';
import { labelsOf, selects } from './selectors.ts';
import { watched } from './trace.ts';

/** One failed validation of one binding. */
export type Decision = {
  policy: Policy;
  binding: Binding;
  actions: ValidationAction[];
  message: string;
  /** The field that decided. */
  path: FieldPath;
  /** The parameters without which the binding denies, where these are not there. */
  lacks?: string;
};

/** What the cluster would hold besides the object: parameters, and the namespace. */
export type Surroundings = {
  /** Every object of `kind` in a namespace ('' for cluster-wide ones). */
  find(apiVersion: string, kind: string, namespace: string): RenderedObject[];
  namespace: JsonMap | undefined;
  /** No environment is known, so policies that need parameters are passed over instead of denied. */
  partial: boolean;
  /** Told of every field that an expression asks for: these are where a policy's boundaries lie. */
  onRead?: (policy: Policy, path: FieldPath) => void;
};

/** The verdicts of every policy on one object, as kube-apiserver reaches them when the object is created. */
export function judge(
  policies: Policy[],
  request: Request,
  surroundings: Surroundings,
): { decisions: Decision[]; passedOver: string[] } {
  let converted: CelValue | undefined;
  const known: Known = new Map();
  const { onRead } = surroundings;
  const passedOver: string[] = [];
  const decisions = policies.flatMap((policy): Decision[] => {
    const own = matches(policy.match, request);
    if (own === 'no') {
      return [];
    }
    return policy.bindings.flatMap((binding): Decision[] => {
      const decide = (message: string, path: FieldPath = []): Decision => ({
        policy,
        binding,
        actions: binding.actions,
        message,
        path,
      });
      // What is wrong with a binding denies, whatever its actions are.
      const misconfigured = (message: string, path?: FieldPath): Decision[] =>
        policy.failurePolicy === 'Fail' ? [{ ...decide(message, path), actions: ['Deny'] }] : [];
      const bound = matches(binding.match, request);
      if (bound === 'no') {
        return [];
      }
      if (own === 'converted' || bound === 'converted') {
        const { version, otherVersions } = request.resource;
        const message = `the cluster would judge ${version} as ${otherVersions.join(' or ')}, which it alone can convert`;
        return misconfigured(message, ['apiVersion']);
      }
      const params = paramsFor(policy, binding, request, surroundings);
      if (params === 'none') {
        passedOver.push(policy.rule.id);
        return [];
      }
      if (typeof params === 'string') {
        const lacks = binding.paramRef?.name ?? '';
        return misconfigured(`failed to configure binding: ${params}`).map((decision) => ({
          ...decision,
          ...(params === notFound && { lacks }),
        }));
      }
      converted ??= celValue(request.admitted());
      const object = onRead === undefined ? converted : watched(converted, (path) => onRead(policy, path));
      return params.flatMap((param) =>
        validate(
          policy,
          request,
          surroundings,
          object,
          param,
          decide,
          onRead === undefined ? known : undefined,
        ),
      );
    });
  });
  return { decisions, passedOver };
}

const notFound = 'no params found for policy binding with `Deny` parameterNotFoundAction';

/** `CollectParams` of k8s.io/apiserver: the parameter objects, an error's words, or 'none' where none can be known. */
function paramsFor(
  { paramKind }: Policy,
  { paramRef }: Binding,
  { object, resource }: Request,
  { find, partial }: Surroundings,
): (JsonMap | null)[] | string {
  if (paramKind === undefined || paramRef === undefined) {
    return [null];
  }
  const isNamespace = resource.group === '' && resource.name === 'namespaces';
  const own = isNamespace ? object.id.name : object.id.namespace;
  const namespace = paramRef.namespace === '' ? own : paramRef.namespace;
  if (namespace === '' && !resource.namespaced) {
    return 'cannot use namespaced paramRef in policy binding that matches cluster-scoped resources';
  }
  const found = find(paramKind.apiVersion, paramKind.kind, namespace)
    .filter(({ id, value }) =>
      paramRef.name === '' ? selects(paramRef.selector, labelsOf(value)) : id.name === paramRef.name,
    )
    .map(({ value }) => value);
  if (found.length === 0 && partial) {
    return 'none';
  }
  return found.length === 0 && paramRef.notFound === 'Deny' ? notFound : found;
}

function validate(
  policy: Policy,
  request: Request,
  surroundings: Surroundings,
  object: CelValue,
  params: JsonMap | null,
  decide: (message: string, path?: FieldPath) => Decision,
  known: Known | undefined,
): Decision[] {
  const activation = activate(policy, request, surroundings, object, params, known);
  const errors = (message: string, path?: FieldPath) =>
    policy.failurePolicy === 'Fail' ? [decide(message, path)] : [];
  let failure: string | undefined;
  for (const { evaluate } of policy.matchConditions) {
    try {
      if (evaluate(activation) !== true) {
        return [];
      }
    } catch (error) {
      failure ??= `a match condition ended in an error: ${reason(error)}`;
    }
  }
  if (failure !== undefined) {
    return errors(failure);
  }
  return policy.validations.flatMap(({ expression, message, messageExpression }) => {
    const deciding = () => {
      let path: FieldPath = [];
      const traced = watched(object, (read) => {
        path = isIdentity(read) && path.length > 0 ? path : read;
      });
      const again = activate(policy, request, surroundings, traced, params);
      attempt(() => expression.evaluate(again));
      return path;
    };
    const verdict = attempt(() => expression.evaluate(activation));
    if ('error' in verdict) {
      return errors(
        `"${oneLine(expression.source)}" ended in an error: ${reason(verdict.error)}`,
        deciding(),
      );
    }
    if (verdict.value === true) {
      return [];
    }
    const said = messageExpression && attempt(() => messageExpression.evaluate(activation));
    const words = said !== undefined && 'value' in said ? sayable(said.value) : '';
    return [decide(words || message || `failed expression: ${expression.source.trim()}`, deciding())];
  });
}

/** What an expression reads to find or to name the object, rather than to judge it. */
function isIdentity(path: FieldPath): boolean {
  return ['kind', 'apiVersion', 'metadata', 'metadata.name', 'metadata.namespace'].includes(path.join('.'));
}

/** What k8s.io/apiserver takes as a message: a string without line ends, of at most 5 KiB. */
function sayable(value: unknown): string {
  const words = typeof value === 'string' ? value.trim() : '';
  return words.includes('\n') || Buffer.byteLength(words) > 5 * 1024 ? '' : words;
}

type Attempt = { value: unknown } | { error: EvaluationError };

/** What variables of any policy came to for one object: most policies begin with the same. */
type Known = Map<string, Attempt>;

function shared(known: Known | undefined, expression: Expression, activation: Activation): Attempt {
  const key = expression.sharedKey;
  const before = key === undefined ? undefined : known?.get(key);
  const result = before ?? attempt(() => expression.evaluate(activation));
  if (key !== undefined) {
    known?.set(key, result);
  }
  return result;
}

function attempt(evaluate: () => unknown): Attempt {
  try {
    return { value: evaluate() };
  } catch (error) {
    return { error: error as EvaluationError };
  }
}

function oneLine(source: string): string {
  return source.trim().replaceAll(/\s+/g, ' ');
}

/** What expressions may name. A variable is computed when it is first read, and its error is every reader's. */
function activate(
  policy: Policy,
  { object: { id, apiVersion }, resource }: Request,
  { namespace }: Surroundings,
  object: CelValue,
  params: JsonMap | null,
  known?: Known,
): Activation {
  const { group, version } = resource;
  const variables: Record<string, CelValue> = {};
  const activation: Activation = {
    object,
    oldObject: null,
    request: {
      kind: { group, version: apiVersion.split('/').at(-1) ?? '', kind: id.kind },
      resource: { group, version, resource: resource.name },
      subResource: '',
      name: id.name,
      namespace: id.namespace,
      operation: 'CREATE',
    },
    namespaceObject: namespace === undefined || !resource.namespaced ? null : celValue(namespace),
    params: isMap(params) ? celValue(params) : null,
    variables,
  };
  for (const [name, expression] of policy.variables) {
    let result: Attempt | undefined;
    Object.defineProperty(variables, name, {
      enumerable: true,
      get: () => {
        result ??= shared(known, expression, activation);
        if ('error' in result) {
          throw result.error;
        }
        return result.value;
      },
    });
  }
  return activation;
}
