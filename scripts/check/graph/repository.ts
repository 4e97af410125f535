import path from 'node:path';
import type { Policy } from '../admission/policy.ts';
import type { Resources } from '../admission/resources.ts';
import { type Kustomization, kustomizationFile } from '../kustomization.ts';
import { isMap, type JsonMap, maps, text, valueAt } from '../model.ts';
import type { Render } from '../render.ts';
import { reachable } from '../tree.ts';
import type { YamlFiles } from '../yaml/yaml-files.ts';
import { Graph, type Node } from './graph.ts';

/** One source of an Application that this repository serves. */
export type Deployment = {
  application: Node;
  project: Node | undefined;
  /** As the Application says it, and absolute. */
  path: string;
  dir: string;
  /** Whether the folder was rendered, or tried: where everything was asked for, it is an environment then. */
  asked: boolean;
  /** Undefined where the folder does not render, or was not asked for. */
  graph: Graph | undefined;
  /** Every kustomization that the folder's render reads; none where it has no kustomization. */
  kustomizations: Kustomization[];
};

/** What graph rules look at. Targets that did not render are left out: that has its own finding. */
export type Repository = {
  root: string;
  /** Whether everything was asked for: only then is what is not there really missing. */
  whole: boolean;
  environments: Graph[];
  /** The stages that a change travels through, the first one first. */
  order: string[];
  /** What was given as argument and is no environment. */
  parts: Graph[];
  policies: Graph[];
  /** What the objects of `policies` say. */
  policyRules: Policy[];
  projects: Map<string, Node>;
  applications: Node[];
  /** Whether ApplicationSets make more Applications, which only Argo CD knows. */
  generated: boolean;
  deployments: Deployment[];
  /** Whether Argo CD is what deploys: it is installed from here, has Applications here, or is spoken to by an object. */
  usesArgocd: boolean;
  resources: Resources;
};

const definition = 'apiextensions.k8s.io/CustomResourceDefinition';

/** Puts the rendered objects together, and finds what Argo CD deploys from where. */
export async function readRepository(
  root: string,
  whole: boolean,
  renders: Render[],
  resources: Resources,
  policyRules: Policy[],
  files: YamlFiles,
  order: string[] = [],
): Promise<Repository> {
  const graphs = renders
    .filter(({ objects }) => objects.length > 0)
    .map(({ target, objects }) => new Graph(target, objects));
  const byDir = new Map(
    graphs.flatMap((graph) => ('dir' in graph.target ? [[graph.target.dir, graph]] : [])),
  );
  const projects = new Map(
    graphs
      .flatMap((graph) => graph.ofKind('argoproj.io/AppProject'))
      .map((node) => [node.object.id.name, node]),
  );
  const applications = graphs.flatMap((graph) => graph.ofKind('argoproj.io/Application'));
  const sources = applications
    .flatMap((node) => sourcesOf(node).map((source) => ({ node, source })))
    .filter(({ source }) => source.chart === undefined && text(source.path) !== '')
    .map((found) => ({ ...found, dir: path.resolve(root, text(found.source.path)) }));
  // An Application may deploy another repository: this one's URL is that of which a folder is here.
  const own = new Set(
    sources
      .filter(({ dir }) => kustomizationFile(dir) !== undefined)
      .map(({ source }) => repositoryName(text(source.repoURL))),
  );
  const deployments = sources
    .filter(({ source }) => own.has(repositoryName(text(source.repoURL))))
    .map(async ({ node, source, dir }) => ({
      application: node,
      project: projects.get(text(node.spec.project)),
      path: text(source.path),
      dir,
      asked: renders.some(({ target }) => 'dir' in target && target.dir === dir),
      graph: byDir.get(dir),
      kustomizations: await reachable(dir, files),
    }));
  const ofRole = (role: string) => graphs.filter(({ target }) => target.role === role);
  return {
    root,
    whole,
    environments: ofRole('environment'),
    order,
    parts: ofRole('argument'),
    policies: ofRole('policies'),
    policyRules,
    projects,
    applications,
    generated: graphs.some((graph) => graph.ofKind('argoproj.io/ApplicationSet').length > 0),
    deployments: await Promise.all(deployments),
    usesArgocd:
      graphs.some((graph) => graph.find(definition, '', 'applications.argoproj.io') !== undefined) ||
      applications.length > 0 ||
      graphs.some(({ nodes }) => nodes.some(speaksToArgocd)),
    resources,
  };
}

function speaksToArgocd({ object }: Node): boolean {
  const annotations = valueAt(object.value, ['metadata', 'annotations']);
  return Object.keys(isMap(annotations) ? annotations : {}).some((name) =>
    name.startsWith('argocd.argoproj.io/'),
  );
}

/** The folders that Applications deploy; undefined where there is none, or an ApplicationSet makes more of them. */
export function applicationFolders(root: string, renders: Render[]): Set<string> | undefined {
  const objects = renders.flatMap((render) => render.objects);
  const folders = objects
    .filter(({ id }) => id.kind === 'Application')
    .flatMap(({ value }) => sourcesOf({ spec: isMap(value.spec) ? value.spec : {} }))
    .map((source) => path.resolve(root, text(source.path)));
  const generated = objects.some(({ id }) => id.kind === 'ApplicationSet');
  return folders.length === 0 || generated ? undefined : new Set(folders);
}

/** An Application's sources, the one or the several. */
export function sourcesOf({ spec }: Pick<Node, 'spec'>): JsonMap[] {
  return Array.isArray(spec.sources) ? maps(spec.sources) : isMap(spec.source) ? [spec.source] : [];
}

/** The cluster that an Application deploys to, by what it says of its URL and its name. */
export function clusterOf({ spec }: Node): { server: string; name: string } {
  const { server, name } = isMap(spec.destination) ? spec.destination : {};
  const own = { server: 'https://kubernetes.default.svc', name: 'in-cluster' };
  // Argo CD's own has both.
  return server === own.server || name === own.name ? own : { server: text(server), name: text(name) };
}

/** A repository's URL as Argo CD compares it (`NormalizeGitURL`): without scheme for ssh, `.git` and capitals. */
export function repositoryName(url: string): string {
  return url
    .trim()
    .toLowerCase()
    .replace(/^(\w+@[^:/]+):(?!\/)/, '$1/')
    .replace(/^ssh:\/\//, '')
    .replace(/\.git$/, '');
}
