import { createHash } from 'node:crypto';
import { annotation, type Graph, type Node, shown } from '../graph/graph.ts';
import { listed } from '../graph/outside.ts';
import { clusterOf, type Deployment, type Repository, sourcesOf } from '../graph/repository.ts';
import { syncOptions } from '../graph/sync.ts';
import { type FieldPath, maps, type ObjectId, type RenderedObject, text, valueAt } from '../model.ts';

/** An amount of storage that an object asks for, and where it does. */
type Storage = { name: string; path: FieldPath; amount: string };

/** An object whose data goes with it; once for each Application that deploys it. */
export type Holding = {
  /** With the API group in front, as in `Node`. */
  kind: string;
  id: ObjectId;
  environment: string;
  /** The key of the Application that deploys it, '' for none that the repository names. */
  application: string;
  /** The cluster that it deploys to, '' where that is not known. */
  cluster: string;
  /** Which of Prune and Delete Argo CD does not do to it, or not without asking. */
  kept: string[];
  storage: Storage[];
  /** The same for the same manifest. */
  content: string;
};

/** An Application whose deployment holds data, or may, or the project of one. */
type Owner = {
  id: ObjectId;
  environment: string;
  /** What it holds, in words. */
  holds: string;
  /** Which finalizer has its deletion take along what it deployed; -1 for none. */
  finalizer: number;
};

/** What a repository's objects hold; `T` is what says where each is. */
export type Holdings<T> = { objects: (Holding & T)[]; owners: (Owner & T)[] };

type Found = { object: RenderedObject };

/** The data that the environments hold, and the Applications and projects by which they do. */
export function holdingsOf(repository: Repository): Holdings<Found> {
  const { environments, deployments, applications, projects } = repository;
  const objects = environments.flatMap((graph) => {
    const own = deployments.filter((deployment) => deployment.graph === graph);
    return own.length === 0
      ? heldIn(graph, undefined)
      : own.flatMap(({ application }) => heldIn(graph, application));
  });
  const deployed = applications.flatMap((application): (Owner & Found)[] => {
    const own = deployments.filter((deployment) => deployment.application === application);
    const holds = holdsInWords(application, own);
    const finalizers = valueAt(application.object.value, ['metadata', 'finalizers']);
    const finalizer = Array.isArray(finalizers) ? finalizers.findIndex(isCascade) : -1;
    const environment = own[0]?.graph?.target.environment ?? '';
    const { object } = application;
    return holds === '' ? [] : [{ id: object.id, environment, holds, finalizer, object }];
  });
  const projected = [...projects].flatMap(([name, { object }]): (Owner & Found)[] => {
    const own = deployed.filter((owner) => text(valueAt(owner.object.value, ['spec', 'project'])) === name);
    const holds = own.map(({ id }) => `Application ${id.name}`).join(', ');
    const environment = own[0]?.environment ?? '';
    return holds === '' ? [] : [{ id: object.id, environment, holds, finalizer: -1, object }];
  });
  return { objects, owners: [...deployed, ...projected] };
}

/** By which a Cluster finds its backups, and writes them. */
export const objectStore = 'barmancloud.cnpg.io/ObjectStore';

/** The kinds whose deletion deletes data, or lets go of it; with the API group in front, as in `Node`. */
export const holdingKinds = [
  'PersistentVolumeClaim',
  'apps/StatefulSet',
  'postgresql.cnpg.io/Cluster',
  objectStore,
  'Namespace',
];

function heldIn(graph: Graph, application: Node | undefined): (Holding & Found)[] {
  return graph.ofKind(...holdingKinds).map((node) => {
    const { object, kind } = node;
    const destination = text(valueAt(application?.spec ?? {}, ['destination', 'namespace']));
    const namespace = kind === 'Namespace' ? '' : object.id.namespace || destination;
    const { server, name } = application === undefined ? { server: '', name: '' } : clusterOf(application);
    const options = listed(annotation(node, syncOptions));
    return {
      kind,
      id: { ...object.id, namespace },
      environment: graph.target.environment,
      application: application === undefined ? '' : keyOf(application.object.id),
      cluster: server || name,
      kept: ['Prune', 'Delete'].filter((option) =>
        options.some((said) => said === `${option}=false` || said === `${option}=confirm`),
      ),
      storage: storageOf(node),
      content: createHash('sha256').update(JSON.stringify(object.value)).digest('hex'),
      object,
    };
  });
}

/** What is one object in whatever tree it is. */
export function keyOf({ kind, namespace, name }: ObjectId): string {
  return `${kind}/${name}${namespace === '' ? '' : ` in ${namespace}`}`;
}

const requested: FieldPath = ['spec', 'resources', 'requests', 'storage'];

function storageOf({ object, kind, spec }: Node): Storage[] {
  const paths: { name: string; path: FieldPath }[] =
    kind === 'PersistentVolumeClaim'
      ? [{ name: '', path: requested }]
      : kind === 'apps/StatefulSet'
        ? maps(spec.volumeClaimTemplates).map((template, index) => ({
            name: text(valueAt(template, ['metadata', 'name'])),
            path: ['spec', 'volumeClaimTemplates', index, ...requested],
          }))
        : ['storage', 'walStorage'].map((name) => ({ name, path: ['spec', name, 'size'] }));
  return paths.flatMap(({ name, path }) => {
    const amount = valueAt(object.value, path);
    return typeof amount === 'string' || typeof amount === 'number'
      ? [{ name, path, amount: String(amount) }]
      : [];
  });
}

/** The finalizers by which deleting an Application deletes what it deployed. */
function isCascade(finalizer: unknown): boolean {
  return /^resources-finalizer\.argocd\.argoproj\.io(\/|$)/.test(text(finalizer));
}

/** What an Application deploys that holds data; what is not in this repository may. */
function holdsInWords(application: Node, own: Deployment[]): string {
  const held = own.flatMap(({ graph }) => graph?.ofKind(...holdingKinds, 'argoproj.io/Application') ?? []);
  const names = held.map((node) => shown(node));
  const elsewhere = own.length < sourcesOf(application).length ? ['what is not in this repository'] : [];
  return [...names, ...elsewhere].join(', ');
}
