import { isMap, text, type Violation } from '../model.ts';
import { annotation, type Node, shown } from './graph.ts';
import type { Deployment } from './repository.ts';
import { graphRule } from './rule.ts';

const wave = 'argocd.argoproj.io/sync-wave';

/** What one Application needs another to have brought: `what` ends the sentence. */
type Need = { first: Deployment; what: string };

export const waveRule = graphRule(
  {
    id: 'application-order',
    group: 'argocd',
    why: 'A sync fails at an object whose definition is not there yet, and what is deployed before the policies is held to none.',
    fix: `Give the Application that brings them a lower ${wave} than those that need them.`,
  },
  ({ deployments }) =>
    deployments.flatMap((later) =>
      needsOf(later, deployments)
        .filter(({ first }) => waveOf(first.application) >= waveOf(later.application))
        .filter(({ first }) => areSyncedTogether(first.application, later.application, deployments))
        .map(
          ({ first, what }): Violation => ({
            object: first.application.object,
            path: ['metadata', 'annotations', wave],
            message: `${shown(first.application)} is in no earlier wave than ${shown(later.application)}, ${what}`,
          }),
        ),
    ),
);

/** The first object of each kind that another Application defines, and the policies that an environment is held to. */
function needsOf(later: Deployment, deployments: Deployment[]): Need[] {
  const nodes = later.graph?.nodes ?? [];
  return deployments
    .filter(({ application }) => application.object !== later.application.object)
    .flatMap((first): Need[] => {
      const defined = new Set(
        first.graph?.ofKind('apiextensions.k8s.io/CustomResourceDefinition').map(definedKind),
      );
      const policies = first.graph?.ofKind('admissionregistration.k8s.io/ValidatingAdmissionPolicy') ?? [];
      const object = nodes.find(({ kind }) => defined.has(kind));
      return [
        ...(object === undefined ? [] : [{ first, what: `whose ${shown(object)} it defines` }]),
        ...(policies.length > 0 && later.graph?.target.role === 'environment'
          ? [{ first, what: 'which its policies are for' }]
          : []),
      ];
    });
}

/** The kind that a CustomResourceDefinition brings, as in `Node`. */
function definedKind({ spec }: Node): string {
  return `${text(spec.group)}/${isMap(spec.names) ? text(spec.names.kind) : ''}`;
}

/** Waves are of what one sync applies: the Applications are deployed by one themselves. */
function areSyncedTogether(one: Node, other: Node, deployments: Deployment[]): boolean {
  return deployments.some(({ graph }) =>
    [one, other].every(({ object }) => graph?.nodes.some((node) => node.object === object) === true),
  );
}

function waveOf(application: Node): number {
  return Number(annotation(application, wave)) || 0;
}
