import path from 'node:path';
import { applicationFolders, sourcesOf } from '../../check/graph/repository.ts';
import {
  isMap,
  type JsonMap,
  maps,
  type RenderedObject,
  type Target,
  text,
  valueAt,
} from '../../check/model.ts';
import type { Kubectl } from '../../gitops/kubectl.ts';
import type { IgnoreDifference } from './normal-form.ts';

/** An Application as the cluster has it: what it deploys and how, as far as that changes what is compared. */
export type LiveApplication = {
  name: string;
  /** The namespace of what says none. */
  namespace: string;
  /** The cluster that it deploys to, where that is not the one that has it. */
  elsewhere?: string;
  ignoreDifferences: IgnoreDifference[];
  /** The images that it sets in place of what Git says. */
  images: string[];
  /** The commit that it was last compared with, '' where it was with none. */
  revision: string;
  /** What it deployed, as far as a manifest is needed to ask for it. */
  resources: JsonMap[];
};

/** Where Applications are that say no namespace. */
export const argocdNamespace = 'argocd';

/** The live Application of what Git has for an environment; undefined where the cluster has none. */
export async function applicationOf(
  kubectl: Kubectl,
  root: string,
  target: Target,
  inGit: RenderedObject[],
): Promise<LiveApplication | undefined> {
  const own = applicationInGit(root, target, inGit);
  if (own === undefined) {
    return undefined;
  }
  const { name, namespace } = own.id;
  const found = await kubectl.json<JsonMap>([
    'get',
    'applications.argoproj.io',
    name,
    `--namespace=${namespace || argocdNamespace}`,
  ]);
  return found === undefined ? undefined : liveApplication(found);
}

/** The Application that Git has for an environment's overlay. */
export function applicationInGit(
  root: string,
  target: Target,
  inGit: RenderedObject[],
): RenderedObject | undefined {
  const dir = 'dir' in target ? target.dir : '';
  return inGit.find((object) => applicationFolders(root, [{ target, objects: [object] }])?.has(dir));
}

/**
 * The Applications of the cluster that deploy an overlay, in the namespace of those that Git has, and that Git has no
 * longer.
 */
export async function applicationsGone(
  kubectl: Kubectl,
  inGit: RenderedObject[],
): Promise<{ application: LiveApplication; environment: string }[]> {
  const own = inGit.filter(({ id }) => id.kind === 'Application');
  const namespace = own[0]?.id.namespace || argocdNamespace;
  const list = ['get', 'applications.argoproj.io', `--namespace=${namespace}`];
  const { items } = (await kubectl.json<{ items: JsonMap[] }>(list)) ?? { items: [] };
  return items.flatMap((value) => {
    const application = liveApplication(value);
    const isOwn = own.some(({ id }) => id.name === application.name);
    const [, environment] =
      /^overlays\/(.+?)\/?$/.exec(text(valueAt(value, ['spec', 'source', 'path']))) ?? [];
    return isOwn || environment === undefined ? [] : [{ application, environment }];
  });
}

/** Reads what Argo CD has of an Application. */
export function liveApplication(value: JsonMap): LiveApplication {
  const spec = isMap(value.spec) ? value.spec : {};
  const { server, name, namespace } = isMap(spec.destination) ? spec.destination : {};
  const isHere = server === 'https://kubernetes.default.svc' || name === 'in-cluster';
  const [source] = sourcesOf({ spec });
  const images = valueAt(source ?? {}, ['kustomize', 'images']);
  return {
    name: text(valueAt(value, ['metadata', 'name'])),
    namespace: text(namespace),
    ...(!isHere && { elsewhere: text(server) || text(name) }),
    ignoreDifferences: maps(spec.ignoreDifferences) as IgnoreDifference[],
    images: Array.isArray(images) ? images.map(text) : [],
    revision: text(valueAt(value, ['status', 'sync', 'revision'])),
    resources: maps(valueAt(value, ['status', 'resources']))
      .filter(({ hook }) => hook !== true)
      .map(({ group, version, kind, namespace, name }) => ({
        apiVersion: [text(group), text(version)].filter(Boolean).join('/'),
        kind: text(kind),
        metadata: { name: text(name), ...(text(namespace) !== '' && { namespace: text(namespace) }) },
      })),
  };
}

/** Where the environment's overlay is below another root. */
export function dirBelow(root: string, target: Target, other: string): string {
  return path.join(other, path.relative(root, 'dir' in target ? target.dir : root));
}
