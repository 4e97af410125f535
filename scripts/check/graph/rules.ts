import type { Violation } from '../model.ts';
import { applicationRules } from './applications.ts';
import { availabilityRules } from './availability.ts';
import { declarationRules } from './declarations.ts';
import { environmentRules } from './environments.ts';
import { networkRules } from './network.ts';
import { nodePoolRule } from './node-pools.ts';
import { parametersRule } from './parameters.ts';
import { portRules } from './ports.ts';
import { projectRule } from './projects.ts';
import { referenceRules } from './references.ts';
import type { Repository } from './repository.ts';
import type { GraphRule } from './rule.ts';
import { secretRules } from './secrets.ts';
import { selectorRules } from './selectors.ts';
import { shutdownRules } from './shutdown.ts';
import { syncRules } from './sync.ts';
import { waveRule } from './waves.ts';

/** The rules that need several objects, group by group. Each has a folder in policies/ with its examples. */
export const graphRules: GraphRule[] = [
  ...referenceRules,
  ...portRules,
  ...selectorRules,
  ...availabilityRules,
  ...networkRules,
  ...shutdownRules,
  nodePoolRule,
  ...secretRules,
  projectRule,
  ...applicationRules,
  ...syncRules,
  waveRule,
  parametersRule,
  ...declarationRules,
  ...environmentRules,
];

/** Holds a repository's objects to every graph rule that `only` chooses. */
export function graphViolations(
  repository: Repository,
  only: (rule: string) => boolean = () => true,
): { rule: string; violation: Violation }[] {
  return graphRules
    .filter(({ id }) => only(id))
    .flatMap(({ id, violations }) => violations(repository).map((violation) => ({ rule: id, violation })));
}
