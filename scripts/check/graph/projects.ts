import { resourceKey } from '../admission/resources.ts';
import { isMap, type Json, type JsonMap, maps, text, type Violation } from '../model.ts';
import { type Node, shown } from './graph.ts';
import { clusterOf, type Deployment, type Repository, repositoryName, sourcesOf } from './repository.ts';
import { graphRule } from './rule.ts';

export const projectRule = graphRule(
  {
    id: 'app-project',
    group: 'argocd',
    why: 'What its project does not permit, an Application does not sync, and nothing else of that sync either.',
    fix: 'Permit it in the AppProject: destinations, sourceRepos, or the lists of resources. Or leave it out.',
  },
  (repository) => [
    ...(repository.whole ? missingProjects(repository) : []),
    ...repository.deployments.flatMap((deployment) =>
      deployment.project === undefined
        ? []
        : [
            ...forbiddenSources(deployment, deployment.project),
            ...forbiddenDestination(deployment, deployment.project),
            ...forbiddenObjects(repository, deployment, deployment.project),
          ],
    ),
  ],
);

function missingProjects({ applications, projects }: Repository): Violation[] {
  // Argo CD makes the project "default" itself. A repository without any has them elsewhere.
  const isKnown = (name: string) =>
    projects.size === 0 || name === '' || name === 'default' || projects.has(name);
  return applications
    .filter(({ spec }) => !isKnown(text(spec.project)))
    .map(({ object, spec }) => ({
      object,
      path: ['spec', 'project'],
      message: `there is no AppProject ${text(spec.project)}`,
    }));
}

/** `AppProject.IsSourcePermitted` of Argo CD. */
function forbiddenSources({ application: node }: Deployment, { object, spec }: Node): Violation[] {
  const patterns = Array.isArray(spec.sourceRepos) ? spec.sourceRepos.map(text) : [];
  return sourcesOf(node)
    .map(({ repoURL }) => text(repoURL))
    .filter((url) => {
      const matched = patterns.map((pattern) => ({
        isDenial: pattern.startsWith('!'),
        fits: fits(pattern.replace(/[^!].*/, repositoryName), repositoryName(url), '/'),
      }));
      const isDenied = matched.some((one) => one.isDenial && !one.fits);
      return url !== '' && (isDenied || !matched.some((one) => one.fits));
    })
    .map((url) => ({
      object,
      path: ['spec', 'sourceRepos'],
      message: `${shown({ object })} does not permit ${url}, from which ${shown(node)} deploys`,
    }));
}

/** The Application's own destination, which Argo CD holds to the project whatever the folder renders. */
function forbiddenDestination({ application }: Deployment, { object: project, spec }: Node): Violation[] {
  const { destination } = application.spec;
  const namespace = isMap(destination) ? text(destination.namespace) : '';
  return namespace === '' || isDestination(maps(spec.destinations), application, namespace)
    ? []
    : [
        {
          object: application.object,
          path: ['spec', 'destination', 'namespace'],
          message: `AppProject ${project.id.name} does not permit the destination ${namespace}`,
        },
      ];
}

/** `AppProject.IsGroupKindNamePermitted` and `IsDestinationPermitted` of Argo CD, over what the folder renders. */
function forbiddenObjects(
  { resources }: Repository,
  { application: node, graph, path: folder }: Deployment,
  { object: project, spec }: Node,
): Violation[] {
  const found = new Map<string, Violation>();
  const destination = isMap(node.spec.destination) ? node.spec.destination : {};
  const allowedKinds = { cluster: permitted(spec, 'cluster'), namespace: permitted(spec, 'namespace') };
  for (const { object } of graph?.nodes ?? []) {
    const resource = resources.get(resourceKey(object.apiVersion, object.id.kind));
    if (resource === undefined) {
      continue;
    }
    const scope = resource.namespaced ? 'namespace' : 'cluster';
    const { kind, name } = object.id;
    if (!allowedKinds[scope](resource.group, kind, name)) {
      const what = scope === 'cluster' ? `${kind} ${name}` : kind;
      found.set(`kind ${what}`, {
        object: project,
        path: ['spec', `${scope}ResourceWhitelist`],
        message: `AppProject ${project.id.name} does not permit ${what}, which ${folder} renders`,
      });
    }
    const namespace = object.id.namespace || text(destination.namespace);
    if (resource.namespaced && !isDestination(maps(spec.destinations), node, namespace)) {
      found.set(`namespace ${namespace}`, {
        object: project,
        path: ['spec', 'destinations'],
        message: `AppProject ${project.id.name} does not permit namespace ${namespace}, to which ${folder} renders`,
      });
    }
  }
  return [...found.values()];
}

function permitted(
  spec: JsonMap,
  scope: 'cluster' | 'namespace',
): (group: string, kind: string, name: string) => boolean {
  const allowed = spec[`${scope}ResourceWhitelist`];
  const lists = (list: Json | undefined, group: string, kind: string, name: string) =>
    maps(list).some(
      (item) =>
        fits(text(item.group), group) &&
        fits(text(item.kind), kind) &&
        (text(item.name) === '' || fits(text(item.name), name)),
    );
  return (group, kind, name) =>
    // Without a list a project permits every kind of a namespace, and none of the cluster.
    ((scope === 'namespace' && allowed === undefined) || lists(allowed, group, kind, name)) &&
    !lists(spec[`${scope}ResourceBlacklist`], group, kind, name);
}

/** `AppProject.isDestinationMatched` of Argo CD; it knows a cluster's URL and name, Git often only one of them. */
function isDestination(allowed: JsonMap[], application: Node, namespace: string): boolean {
  const { server, name } = clusterOf(application);
  let isAllowed = false;
  for (const item of allowed) {
    const ofServer = server === '' ? text(item.server) !== '' : fits(text(item.server), server);
    const ofName = name === '' ? text(item.name) !== '' : fits(text(item.name), name);
    const ofNamespace = fits(text(item.namespace), namespace);
    const denies = (field: string) => text(item[field]).startsWith('!');
    if ((ofServer || ofName) && ofNamespace) {
      isAllowed = true;
    } else if (
      (!ofName && denies('name')) ||
      (!ofServer && denies('server') && ofNamespace) ||
      (!ofNamespace && denies('namespace') && ofServer)
    ) {
      return false;
    }
  }
  return isAllowed;
}

/** Argo CD's patterns: `!` in front turns one around; `*` stops at the separator, `**` does not. */
function fits(pattern: string, value: string, separator = ''): boolean {
  if (pattern.startsWith('!')) {
    return !fits(pattern.slice(1), value, separator);
  }
  const within = separator === '' ? '.' : `[^${separator}]`;
  const source = pattern.replace(/\*\*|[\s\S]/g, (part) => {
    const words: Record<string, string> = { '**': '.*', '*': `${within}*`, '?': within };
    return words[part] ?? RegExp.escape(part);
  });
  return pattern === '*' || new RegExp(`^${source}$`).test(value);
}
