import type { Rule, Violation } from '../model.ts';
import type { Graph } from './graph.ts';
import type { Repository } from './repository.ts';

/** A rule that no single object can break: it is judged over the objects of a target, or of several. */
export type GraphRule = Rule & { violations: (repository: Repository) => Violation[] };

/** A graph rule, which holds on a pull request: admission sees one object at a time. */
export function graphRule(
  about: Pick<Rule, 'id' | 'group' | 'why' | 'fix'>,
  violations: GraphRule['violations'],
): GraphRule {
  return { severity: 'error', gates: 'pull request', ...about, violations };
}

/**
 * Judges each environment by itself. A file or folder given as argument is left out: what it refers to may be
 * elsewhere.
 */
export function inEnvironments(judge: (graph: Graph) => Violation[]): GraphRule['violations'] {
  return ({ environments }) => environments.flatMap(judge);
}

/** Judges arguments too, for what a workload must hold by itself; `complete` where nothing can be elsewhere. */
export function inWorkloads(
  judge: (graph: Graph, complete: boolean) => Violation[],
): GraphRule['violations'] {
  return ({ environments, parts }) => [
    ...environments.flatMap((graph) => judge(graph, true)),
    ...parts.flatMap((graph) => judge(graph, false)),
  ];
}
