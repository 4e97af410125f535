import { type ASTNode, EvaluationError } from '@marcbachmann/cel-js';

/**
 * The steps that one expression may take on one object. kube-apiserver stops an expression at a cost of as much
 * (`PerCallLimit` in k8s.io/apiserver/pkg/apis/cel), and what is one step here costs it one at least.
 */
const mostSteps = 1_000_000;

const exceeded = new EvaluationError(
  `it takes more than ${mostSteps.toLocaleString('en')} steps: loop over less, or filter before a loop within a loop`,
);

const macros = ['all', 'exists', 'exists_one', 'filter', 'map'];

let left = mostSteps;

/** Evaluates an expression whose nodes are counted. @throws {EvaluationError} when it takes too many steps */
export function withinBudget<T>(evaluate: () => T): T {
  // A variable is evaluated while the expression that names it is: each has steps of its own.
  const outer = left;
  left = mostSteps;
  try {
    const result = evaluate();
    // CEL passes over errors where the rest of && or all() decides: too many steps are too many all the same.
    if (left < 0) {
      throw exceeded;
    }
    return result;
  } catch (error) {
    throw left < 0 ? exceeded : error;
  } finally {
    left = outer;
  }
}

/** Counts what loops and what grows: each turn of a macro, and the length of what + joins. */
export function countSteps(nodes: ASTNode[]): void {
  for (const node of nodes) {
    if (node.op === 'rcall' && macros.includes(node.args[0])) {
      for (const body of node.args[2].slice(1)) {
        counted(body, () => 0);
      }
    } else if (node.op === '+') {
      counted(node, (result) => (typeof result === 'string' || Array.isArray(result) ? result.length : 0));
    }
  }
}

type Evaluate = (this: unknown, ...args: unknown[]) => unknown;

/** cel-js evaluates a node by its method `evaluate`, which it replaces by a quicker one when it has run. */
function counted(node: ASTNode, sizeOf: (result: unknown) => number): void {
  let own = Reflect.get(node, 'evaluate') as Evaluate;
  const evaluate: Evaluate = (...args) => {
    left -= 1;
    if (left < 0) {
      throw exceeded;
    }
    const result = own.apply(node, args);
    left -= sizeOf(result);
    if (left < 0) {
      throw exceeded;
    }
    return result;
  };
  Object.defineProperty(node, 'evaluate', {
    // The body of a macro may be a sum: the later count is of both.
    configurable: true,
    get: () => evaluate,
    set: (quicker: Evaluate) => {
      own = quicker;
    },
  });
}
