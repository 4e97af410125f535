import { type Environment, environments } from '../environment.ts';
import { type Commit, describeCommit } from './commits.ts';
import { type DatabaseCluster, databaseProblems } from './database-problems.ts';
import { type Kubectl, KubectlError } from './kubectl.ts';
import { type Pod, podProblems } from './pod-problems.ts';
import { type Project, syncWindowProblems } from './sync-window-problems.ts';
import { unsignedCommits } from './unsigned-commits.ts';

/** What one environment is doing. Times are ISO 8601. */
export interface EnvironmentStatus {
  environment: Environment;
  sync: string;
  health: string;
  revision?: string;
  subject?: string;
  author?: string;
  committed?: string;
  image?: string;
  replicas: { ready: number; wanted: number };
  nodes: string[];
  lastHeal?: string;
  /** Why it is not Synced and Healthy, as far as Argo CD and the pods say. */
  problems: string[];
}

export interface Application {
  metadata: { name: string };
  spec?: { source?: { repoURL?: string; kustomize?: { images?: string[] } } };
  status?: {
    sync?: { status?: string; revision?: string };
    health?: { status?: string };
    conditions?: { type: string; message: string }[];
    operationState?: {
      phase: string;
      message?: string;
      syncResult?: { resources?: { kind: string; name: string; status?: string; message?: string }[] };
    };
  };
}

interface Deployment {
  metadata: { namespace: string; name: string };
  spec: { replicas?: number; template: { spec: { containers: { image: string }[] } } };
  status?: { readyReplicas?: number };
}

interface Autoscaler {
  metadata: { namespace: string; name: string };
  status?: { conditions?: { type: string; status: string; reason?: string; message?: string }[] };
}

interface Event {
  involvedObject: { name: string };
  message?: string;
  lastTimestamp?: string;
}

interface List<T> {
  items: T[];
}

/** The objects of a cluster that its environments' state is read from. */
export interface StatusObjects {
  applications: readonly Application[];
  projects: readonly Project[];
  deployments: readonly Deployment[];
  pods: readonly Pod[];
  autoscalers: readonly Autoscaler[];
  databases: readonly DatabaseCluster[];
  events: readonly Event[];
}

/** As much of them as an environment's Application is found by. */
export type Applications = Pick<StatusObjects, 'applications'>;

/** Reads the state of every environment. `repositories` are asked for the commits' subjects, in turn. */
export async function readStatus(kubectl: Kubectl, repositories: string[]): Promise<EnvironmentStatus[]> {
  const list = async <T>(...args: string[]) => (await kubectl.json<List<T>>(['get', ...args]))?.items ?? [];
  const [applications, projects, deployments, pods, autoscalers, databases, events] = await Promise.all([
    list<Application>('applications.argoproj.io', '--namespace=argocd'),
    list<Project>('appprojects.argoproj.io', '--namespace=argocd'),
    list<Deployment>('deployments', '--all-namespaces', `--selector=${ofQuotes}`),
    list<Pod>('pods', '--all-namespaces', `--selector=${ofQuotes}`),
    list<Autoscaler>('horizontalpodautoscalers', '--all-namespaces'),
    // Without the operator the kind is not there.
    list<DatabaseCluster>('clusters.postgresql.cnpg.io', '--all-namespaces').catch(whereKnown),
    list<Event>('events', '--namespace=argocd', `--field-selector=${ofApplications}`),
  ]);
  const objects = { applications, projects, deployments, pods, autoscalers, databases, events };
  return Promise.all(
    environments.map(async (environment) => {
      const revision = revisionOf(environment, objects);
      const commit = revision === undefined ? undefined : await describeCommit(revision, repositories);
      return environmentStatus(environment, objects, commit, new Date());
    }),
  );
}

/** The label of everything that an environment runs. */
export const ofQuotes = 'app.kubernetes.io/part-of=quotes';
/** The field selector of the events that Argo CD writes. */
export const ofApplications = 'involvedObject.kind=Application';

/** The commit that Argo CD last compared an environment with. */
export function revisionOf(environment: Environment, objects: Applications): string | undefined {
  return applicationOf(environment, objects)?.status?.sync?.revision;
}

/** The Application that deploys an environment. */
export function applicationOf(
  environment: Environment,
  { applications }: Applications,
): Application | undefined {
  return applications.find(({ metadata }) => metadata.name === environment);
}

/** The state of one environment at a time, as its objects say it. */
export function environmentStatus(
  environment: Environment,
  objects: StatusObjects,
  commit: Commit | undefined,
  at: Date,
): EnvironmentStatus {
  const own = <T extends { metadata: { namespace: string } }>(list: readonly T[]) =>
    list.filter(({ metadata }) => metadata.namespace === environment);
  const application = applicationOf(environment, objects);
  const deployment = own(objects.deployments).find(({ metadata }) => metadata.name === 'quote-app');
  const pods = own(objects.pods);
  const revision = revisionOf(environment, objects);
  const image = deployment?.spec.template.spec.containers[0]?.image;
  const lastHeal = lastHealOf(environment, objects.events);
  return {
    environment,
    sync: application?.status?.sync?.status ?? (application === undefined ? 'Missing' : 'Unknown'),
    health: application?.status?.health?.status ?? 'Missing',
    ...(revision !== undefined && { revision }),
    ...commit,
    ...(image !== undefined && { image }),
    replicas: {
      ready: deployment?.status?.readyReplicas ?? 0,
      wanted: deployment?.spec.replicas ?? 0,
    },
    nodes: nodesOf(pods),
    ...(lastHeal !== undefined && { lastHeal }),
    problems: [
      ...applicationProblems(application),
      ...objects.projects
        .filter(({ metadata }) => metadata.name === environment)
        .flatMap((project) => syncWindowProblems(project, at)),
      ...pods.flatMap(podProblems),
      ...own(objects.autoscalers).flatMap(autoscalerProblems),
      ...own(objects.databases).flatMap(databaseProblems),
    ],
  };
}

function whereKnown(error: unknown): [] {
  if (error instanceof KubectlError && error.message.includes("doesn't have a resource type")) {
    return [];
  }
  throw error;
}

/** Whether Git and the cluster agree and everything works. */
export function isFine(status: Pick<EnvironmentStatus, 'sync' | 'health'>): boolean {
  return status.sync === 'Synced' && status.health === 'Healthy';
}

function nodesOf(pods: Pod[]): string[] {
  const app = pods.filter((pod) => pod.metadata.labels?.['app.kubernetes.io/name'] === 'quote-app');
  return [...new Set(app.flatMap((pod) => pod.spec.nodeName ?? []))].sort();
}

/** Argo CD heals what drifted by syncing just that, and says "partial" of it in an event. */
function lastHealOf(environment: Environment, events: readonly Event[]): string | undefined {
  return events
    .filter(({ involvedObject, message }) => {
      return involvedObject.name === environment && message?.startsWith('Partial sync operation') === true;
    })
    .flatMap((event) => event.lastTimestamp ?? [])
    .sort()
    .at(-1);
}

function applicationProblems(application: Application | undefined): string[] {
  const status = application?.status;
  const conditions = (status?.conditions ?? []).map(
    ({ type, message }) => unsignedCommits(message) ?? `${type}: ${message}`,
  );
  const operation = status?.operationState;
  if (operation === undefined || status?.sync?.status === 'Synced') {
    return conditions;
  }
  // While Argo CD tries again the operation is "Running", and only its resources say what is refused.
  const refused = (operation.syncResult?.resources ?? [])
    .filter((resource) => resource.status === 'SyncFailed')
    .map(({ kind, name, message }) => `sync: ${kind} ${name}: ${message}`);
  const failed = ['Failed', 'Error'].includes(operation.phase) ? [`sync: ${operation.message}`] : [];
  return [...conditions, ...(refused.length > 0 ? refused : failed)];
}

/** Without metrics it keeps the replicas that there are, which Argo CD does not call a fault. */
function autoscalerProblems({ metadata, status }: Autoscaler): string[] {
  return (status?.conditions ?? [])
    .filter(({ type, status }) => type !== 'ScalingLimited' && status === 'False')
    .map(({ reason, message }) => `autoscaler ${metadata.name}: ${reason}: ${message}`);
}
