import { existsSync } from 'node:fs';
import path from 'node:path';
import { kustomizationFile } from '../kustomization.ts';
import { isMap, type RenderedObject, text, type Violation } from '../model.ts';
import { annotation, type Graph, type Node, shown } from './graph.ts';
import { clusterOf, type Deployment, type Repository } from './repository.ts';
import { type GraphRule, graphRule } from './rule.ts';

const generatePaths = 'argocd.argoproj.io/manifest-generate-paths';

export const applicationRules: GraphRule[] = [
  graphRule(
    {
      id: 'application-source',
      group: 'argocd',
      why: 'An Application of a folder that is not there deploys nothing, and so does a folder that has none.',
      fix: "Correct spec.source.path, or add the environment's Application to apps/.",
    },
    (repository) => [
      ...repository.deployments.flatMap((deployment) => missingFolder(deployment, repository.whole)),
      ...(repository.whole && !repository.generated
        ? [...undeployed(repository), ...undeployedPolicies(repository)]
        : []),
    ],
  ),
  graphRule(
    {
      id: 'generate-paths',
      group: 'argocd',
      why: 'Argo CD does not look at a push that touches none of these paths: what they leave out is not deployed.',
      fix: `Name every folder in ${generatePaths} that the kustomization reads, and none that is not there.`,
    },
    ({ root, deployments }) => deployments.flatMap((deployment) => wrongPaths(root, deployment)),
  ),
  graphRule(
    {
      id: 'owned-twice',
      group: 'argocd',
      why: 'Two Applications that own one object undo each other, and pruning one takes it from both.',
      fix: 'Leave the object to one of them.',
    },
    ({ deployments }) => ownedTwice(deployments),
  ),
];

function missingFolder(
  { application: { object, spec }, path: folder, dir, asked }: Deployment,
  whole: boolean,
): Violation[] {
  const at = (message: string): Violation[] => [
    { object, path: isMap(spec.source) ? ['spec', 'source', 'path'] : ['spec', 'sources'], message },
  ];
  if (kustomizationFile(dir) === undefined) {
    const isThere = existsSync(dir);
    return at(
      isThere ? `${folder} has no kustomization.yaml, so nothing in it is checked` : `${folder} is not there`,
    );
  }
  return whole && !asked
    ? at(`${folder} is no environment of overlays/, so what is deployed from it is not checked`)
    : [];
}

function undeployed({ environments, deployments, usesArgocd }: Repository): Violation[] {
  const deployed = new Set(deployments.map(({ dir }) => dir));
  return environments.flatMap(({ target }) =>
    !usesArgocd || !('dir' in target) || deployed.has(target.dir)
      ? []
      : [
          {
            object: kustomizationObject(target),
            path: [],
            message: `no Application deploys ${target.environment}`,
          },
        ],
  );
}

/** Policies that Argo CD does not install hold on pull requests alone. */
function undeployedPolicies({ policies, deployments }: Repository): Violation[] {
  const deployed = new Set(deployments.flatMap(({ kustomizations }) => kustomizations.map(({ dir }) => dir)));
  return policies.flatMap((graph) => {
    const { target } = graph;
    return deployments.length === 0 || !('dir' in target) || deployed.has(target.dir)
      ? []
      : [
          {
            object: kustomizationObject(target),
            path: [],
            message: 'no Application deploys the policies, so the cluster holds to none of them',
          },
        ];
  });
}

/** A folder's kustomization as the object to point at, where no object of the render is at fault. */
export function kustomizationObject(target: Graph['target'] & { dir: string }): RenderedObject {
  return {
    target,
    apiVersion: 'kustomize.config.k8s.io/v1beta1',
    id: { kind: 'Kustomization', namespace: '', name: target.environment },
    value: {},
    source: kustomizationFile(target.dir) ?? target.dir,
  };
}

function wrongPaths(root: string, { application, dir, kustomizations }: Deployment): Violation[] {
  const said = annotation(application, generatePaths)
    .split(';')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '');
  if (said.length === 0 || kustomizations.length === 0) {
    return [];
  }
  const at = (message: string): Violation => ({
    object: application.object,
    path: ['metadata', 'annotations', generatePaths],
    message,
  });
  const covered = said.map((entry) =>
    entry.startsWith('/') ? path.join(root, entry) : path.join(dir, entry),
  );
  const isCovered = (file: string) =>
    covered.some((entry) => isWithin(file, entry) || (entry.includes('*') && path.matchesGlob(file, entry)));
  const absent = said.filter((entry, index) => {
    const file = covered[index] ?? root;
    return !entry.includes('*') && !existsSync(file);
  });
  const read = kustomizations.flatMap(({ file, references }) => [
    file.path,
    ...references.filter(({ kind }) => kind === 'file').map(({ to }) => to),
  ]);
  const left = new Set(
    read.filter((file) => !isCovered(file)).map((file) => path.relative(root, path.dirname(file))),
  );
  return [
    ...absent.map((entry) => at(`${entry} is not there`)),
    ...(left.size === 0 ? [] : [at(`${[...left].join(', ')} is rendered too, and no path covers it`)]),
  ];
}

function isWithin(file: string, folder: string): boolean {
  const rest = path.relative(folder, file);
  return rest === '' || (!rest.startsWith('..') && !path.isAbsolute(rest));
}

function ownedTwice(deployments: Deployment[]): Violation[] {
  const owners = new Map<string, Node>();
  const said = new Set<string>();
  return deployments.flatMap(({ application, graph }) =>
    (graph?.nodes ?? []).flatMap(({ kind, object }): Violation[] => {
      const destination = isMap(application.spec.destination) ? application.spec.destination : {};
      const { namespace, name } = object.id;
      const { server, name: cluster } = clusterOf(application);
      const identity = [server || cluster, kind, namespace || text(destination.namespace), name].join('\0');
      const owner = owners.get(identity) ?? application;
      owners.set(identity, owner);
      // One finding for each two Applications: where one folder is deployed twice, everything in it is.
      const pair = [shown(owner), shown(application)].join('\0');
      if (owner === application || said.has(pair)) {
        return [];
      }
      said.add(pair);
      const message = `${shown(owner)} owns ${shown({ object })} too`;
      return [{ object: application.object, path: ['spec', 'source', 'path'], message }];
    }),
  );
}
