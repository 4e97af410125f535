import { isMap, type JsonMap, maps, type Violation } from '../model.ts';
import { annotation, type Graph, type Node, shown } from './graph.ts';
import { listed } from './outside.ts';
import type { Deployment } from './repository.ts';
import { type GraphRule, graphRule } from './rule.ts';

export const syncOptions = 'argocd.argoproj.io/sync-options';

export const syncRules: GraphRule[] = [
  graphRule(
    {
      id: 'keep-data',
      group: 'argocd',
      why: 'What Argo CD prunes or deletes takes its data along: a volume its rows, a namespace everything in it.',
      fix: `Annotate it ${syncOptions}: Prune=false,Delete=false (or confirm), and never Replace or Force.`,
    },
    ({ deployments }) => deployments.flatMap(({ application, graph }) => lostData(application, graph)),
  ),
  graphRule(
    {
      id: 'sync-policy',
      group: 'argocd',
      why: 'An automated sync does what Git says within seconds: also when Git says nothing, by a slip.',
      fix: 'Leave allowEmpty false where prune is automated, and retry a bounded number of times.',
    },
    ({ applications }) => applications.flatMap(unsafePolicy),
  ),
];

/** The workloads whose pods mount a claim. */
function withData(graph: Graph): Node[] {
  return graph.pods.filter(
    ({ pod, spec }) =>
      maps(pod.volumes).some((volume) => volume.persistentVolumeClaim !== undefined) ||
      maps(spec.volumeClaimTemplates).length > 0,
  );
}

function lostData(application: Node, graph: Deployment['graph']): Violation[] {
  if (graph === undefined) {
    return [];
  }
  const holding = ['PersistentVolumeClaim', 'postgresql.cnpg.io/Cluster'];
  const kept = graph.ofKind(...holding, 'Namespace');
  const unprotected = kept.flatMap((node) => {
    const options = optionsOf(node);
    const missing = ['Prune', 'Delete'].filter(
      (option) => !options.includes(`${option}=false`) && !options.includes(`${option}=confirm`),
    );
    const path = ['metadata', 'annotations', syncOptions];
    return missing.length === 0
      ? []
      : [{ object: node.object, path, message: `${shown(node)} lacks ${missing.join('=false and ')}=false` }];
  });
  // Argo CD never replaces a namespace, whatever the options say.
  const claims = graph.ofKind(...holding);
  const replaced = [...claims, ...withData(graph)].flatMap((node) =>
    optionsOf(node)
      .filter((option) => option === 'Replace=true' || option === 'Force=true')
      .map((option) => ({
        object: node.object,
        path: ['metadata', 'annotations', syncOptions],
        message: `${option} makes ${shown(node)} anew`,
      })),
  );
  const { syncPolicy } = application.spec;
  const ofAll = isMap(syncPolicy) && Array.isArray(syncPolicy.syncOptions) ? syncPolicy.syncOptions : [];
  const index = ofAll.indexOf('Replace=true');
  const [claim] = claims;
  const ofApplication: Violation[] =
    claim === undefined || index < 0
      ? []
      : [
          {
            object: application.object,
            path: ['spec', 'syncPolicy', 'syncOptions', index],
            message: `Replace=true makes everything anew, ${shown(claim)} too`,
          },
        ];
  return [...unprotected, ...replaced, ...ofApplication];
}

function optionsOf(node: Node): string[] {
  return listed(annotation(node, syncOptions));
}

function unsafePolicy({ object, spec }: Node): Violation[] {
  const policy: JsonMap = isMap(spec.syncPolicy) ? spec.syncPolicy : {};
  const automated = isMap(policy.automated) ? policy.automated : {};
  const retry = isMap(policy.retry) ? policy.retry : {};
  const violations: Violation[] = [];
  if (automated.prune === true && automated.allowEmpty === true) {
    const message = 'a render of nothing would take everything away';
    violations.push({ object, path: ['spec', 'syncPolicy', 'automated', 'allowEmpty'], message });
  }
  if (typeof retry.limit === 'number' && retry.limit < 0) {
    const message = 'a sync that fails is tried for ever';
    violations.push({ object, path: ['spec', 'syncPolicy', 'retry', 'limit'], message });
  }
  return violations;
}
