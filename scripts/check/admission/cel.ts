import type { ASTNode, Environment } from '@marcbachmann/cel-js';
import type { Json } from '../model.ts';
import { countSteps, withinBudget } from './budget.ts';
import { library, pattern } from './library.ts';

/** A value as CEL reads it: integers are bigint. Functions and quantities appear only inside an expression. */
export type CelValue = null | boolean | number | bigint | string | CelValue[] | { [key: string]: CelValue };

/** What an expression may name. A variable's expression is run when it is first asked for. */
export type Activation = {
  object: CelValue;
  oldObject: null;
  request: CelValue;
  namespaceObject: CelValue;
  params: CelValue;
  variables: Record<string, CelValue>;
};

/** An expression that compiled. */
export type Expression = {
  source: string;
  /** Its static type, `dyn` where only the object decides. */
  type: string;
  /** Expressions with one key have one value for one object; undefined where more than the object decides. */
  sharedKey?: string | undefined;
  /** The strings in it, and the fields that it asks for by name. */
  names: string[];
  /** @throws {EvaluationError} what kube-apiserver would call a runtime error, with its reason */
  evaluate(activation: Activation | Validated | Nothing): unknown;
};

/** What a rule of a CustomResourceDefinition may name: the value at its place in the schema. */
type Validated = { self: CelValue };

/** What asks for something then ends in an error. */
type Nothing = Record<string, never>;

/** Why an expression cannot be judged here, and where in it. `offset` counts characters from 0. */
export class Unsupported extends Error {
  readonly offset: number;
  constructor(message: string, offset = 0) {
    super(message);
    this.offset = offset;
  }
}

/**
 * Functions of cel-js that judge otherwise than cel-go and cannot be replaced: ours go by names of the same length, so
 * that an error's place stays true.
 */
const replaced: Record<string, string> = {
  matches: 're2Test',
  int: 'toI',
  double: 'toReal',
  string: 'toText',
};

const admission = library
  .clone()
  .registerVariable('object', 'dyn')
  .registerVariable('oldObject', 'dyn')
  .registerVariable('request', 'dyn')
  .registerVariable('namespaceObject', 'dyn')
  .registerVariable('params', 'dyn')
  .registerVariable('variables', 'dyn');

const validation = library.clone().registerVariable('self', 'dyn').registerVariable('oldSelf', 'dyn');

/** The functions and macros that test/differential shows to be judged here as in kube-apiserver. */
const proven = new Set(
  (
    'all asInteger bool bytes compareTo contains double duration dyn endsWith exists exists_one filter find findAll ' +
    'getDate getDayOfMonth getDayOfWeek getFullYear getMinutes getMonth has hasValue indexOf int isGreaterThan ' +
    'isInteger isLessThan isQuantity join lastIndexOf lowerAscii map matches none of orValue quantity size split ' +
    'startsWith string substring timestamp trim type upperAscii value'
  ).split(' '),
);

/** The fields of `request` that a render determines; who asks, and how, only the cluster knows. */
const requestFields = ['kind', 'resource', 'subResource', 'name', 'namespace', 'operation'];

/**
 * Compiles an expression of a policy, which may name the variables that are given.
 * @throws {Unsupported} for what does not parse, is no CEL of Kubernetes' or is not to be had outside the cluster
 */
export function compile(
  source: string,
  returns: 'bool' | 'string' | 'dyn',
  variables: Map<string, Expression> = new Map(),
): Expression {
  const ast = nodes(parse(admission, source).ast);
  for (const { op, args, start } of ast) {
    if (op === '.' && args[0].op === 'id' && args[0].args === 'request' && !requestFields.includes(args[1])) {
      throw new Unsupported(`request.${args[1]} is known only in the cluster`, start);
    }
  }
  const named = ast.flatMap((node) => variableNamed(node) ?? []);
  const unknown = named.find((name) => !variables.has(name));
  if (unknown !== undefined) {
    throw new Unsupported(`variables.${unknown} is not defined before it is used`);
  }
  const { parsed, type: own } = checked(admission, source, ast);
  // A variable is `dyn` to cel-js; alone it is of the type that its own expression has.
  const alone = variableNamed(parsed.ast);
  const type = (alone === undefined ? own : variables.get(alone)?.type) ?? 'dyn';
  if (returns !== 'dyn' && type !== returns) {
    const hint = type === 'dyn' ? `: wrap it in ${returns}()` : '';
    throw new Unsupported(`it gives ${type}, and ${returns} is needed${hint}`);
  }
  return {
    source,
    type,
    sharedKey: sharedKey(source, ast, variables),
    names: ast.flatMap(namesIn),
    evaluate: (activation) => withinBudget(() => parsed(activation)),
  };
}

function namesIn({ op, args }: ASTNode): string[] {
  if (op === 'value') {
    return typeof args === 'string' ? [args] : [];
  }
  return op === '.' || op === '.?' ? [args[1]] : [];
}

function sharedKey(source: string, ast: ASTNode[], variables: Map<string, Expression>): string | undefined {
  const others = ['oldObject', 'request', 'namespaceObject', 'params'];
  const isShared = !ast.some(
    ({ op, args }) => op === 'id' && typeof args === 'string' && others.includes(args),
  );
  const named = [...new Set(ast.flatMap((node) => variableNamed(node) ?? []))].sort();
  const keys = named.map((name) => variables.get(name)?.sharedKey);
  return isShared && !keys.includes(undefined) ? JSON.stringify([source, named, keys]) : undefined;
}

/**
 * Compiles a rule or a message of `x-kubernetes-validations`. `isTransition`: it compares with the old value, so it
 * says nothing of what is created.
 * @throws {Unsupported} as compile
 */
export function compileValidation(source: string): Expression & { isTransition: boolean } {
  const ast = nodes(parse(validation, source).ast);
  const { parsed, type } = checked(validation, source, ast);
  const isTransition = ast.some(({ op, args }) => op === 'id' && args === 'oldSelf');
  return {
    source,
    type: type ?? 'dyn',
    names: ast.flatMap(namesIn),
    isTransition,
    evaluate: (activation) => withinBudget(() => parsed(activation)),
  };
}

/** Compiles with our functions in the place of those of cel-js that judge otherwise. */
function checked(environment: Environment, source: string, ast: ASTNode[]) {
  for (const { op, args, start } of ast) {
    const called = op === 'rcall' || op === 'call' ? args[0] : undefined;
    if (called !== undefined && !proven.has(called)) {
      throw new Unsupported(`${called}() is not known to be judged here as in the cluster`, start);
    }
    const literal = op === 'rcall' && args[0] === 'matches' ? args[2][0] : undefined;
    if (literal?.op === 'value' && typeof literal.args === 'string') {
      try {
        pattern(literal.args);
      } catch (error) {
        throw new Unsupported(reason(error), literal.start);
      }
    }
  }
  const parsed = parse(environment, withOurs(source, ast));
  const { valid, error, type } = parsed.check();
  if (!valid) {
    throw new Unsupported(
      Object.entries(replaced).reduce(
        (words, [theirs, ours]) => words.replaceAll(ours, theirs),
        error?.summary ?? 'it does not compile',
      ),
      error?.range?.start,
    );
  }
  countSteps(nodes(parsed.ast));
  return { parsed, type };
}

function variableNamed({ op, args }: ASTNode): string | undefined {
  const ofVariables = (op === '.' || op === '.?') && args[0].op === 'id' && args[0].args === 'variables';
  return ofVariables ? args[1] : undefined;
}

function parse(environment: Environment, source: string) {
  try {
    return environment.parse(source);
  } catch (error) {
    const range = error instanceof Error && 'range' in error ? (error.range as { start: number }) : undefined;
    throw new Unsupported(reason(error), range?.start);
  }
}

function withOurs(source: string, ast: ASTNode[]): string {
  let text = source;
  for (const { op, args, start } of ast) {
    const name = op === 'call' || op === 'rcall' ? args[0] : '';
    const ours = replaced[name];
    if (ours !== undefined) {
      const at = source.indexOf(name, op === 'rcall' ? args[1].end : start);
      text = text.slice(0, at) + ours + text.slice(at + name.length);
    }
  }
  return text;
}

/** A node and all below it. */
function nodes(node: ASTNode): ASTNode[] {
  const below = (value: unknown): ASTNode[] => {
    if (Array.isArray(value)) {
      return value.flatMap(below);
    }
    return typeof value === 'object' && value !== null && 'op' in value ? nodes(value as ASTNode) : [];
  };
  return [node, ...below(node.args)];
}

/** An evaluation's error in a line. */
export function reason(error: unknown): string {
  if (error instanceof Error) {
    return 'summary' in error && typeof error.summary === 'string' ? error.summary : error.message;
  }
  return String(error);
}

/** JSON as CEL reads it: whole numbers are int. */
export function celValue(value: Json): CelValue {
  if (Array.isArray(value)) {
    return value.map(celValue);
  }
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, celValue(field)]));
  }
  return typeof value === 'number' && Number.isInteger(value) ? BigInt(value) : value;
}
