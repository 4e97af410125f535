import { execa } from 'execa';
import { type Environment, environments } from '../environment.ts';
import { type DatabaseCluster, databaseProblems } from './database-problems.ts';
import { type Kubectl, KubectlError } from './kubectl.ts';
import { type Pod, podProblems } from './pod-problems.ts';
import { type Project, syncWindowProblems } from './sync-window-problems.ts';

/** What one environment is doing. Times are ISO 8601. */
export interface EnvironmentStatus {
  environment: Environment;
  sync: string;
  health: string;
  revision?: string;
  subject?: string;
  committed?: string;
  image?: string;
  replicas: { ready: number; wanted: number };
  nodes: string[];
  lastHeal?: string;
  /** Why it is not Synced and Healthy, as far as Argo CD and the pods say. */
  problems: string[];
}

interface Application {
  metadata: { name: string };
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

/** Reads the state of every environment. `repositories` are asked for the commits' subjects, in turn. */
export async function readStatus(kubectl: Kubectl, repositories: string[]): Promise<EnvironmentStatus[]> {
  const list = async <T>(...args: string[]) => (await kubectl.json<List<T>>(['get', ...args]))?.items ?? [];
  const [applications, projects, deployments, pods, autoscalers, databases, events] = await Promise.all([
    list<Application>('applications.argoproj.io', '--namespace=argocd'),
    list<Project>('appprojects.argoproj.io', '--namespace=argocd'),
    list<Deployment>('deployments', '--all-namespaces', '--selector=app.kubernetes.io/part-of=quotes'),
    list<Pod>('pods', '--all-namespaces', '--selector=app.kubernetes.io/part-of=quotes'),
    list<Autoscaler>('horizontalpodautoscalers', '--all-namespaces'),
    // Without the operator the kind is not there.
    list<DatabaseCluster>('clusters.postgresql.cnpg.io', '--all-namespaces').catch(whereKnown),
    list<Event>('events', '--namespace=argocd', '--field-selector=involvedObject.kind=Application'),
  ]);
  return Promise.all(
    environments.map(async (environment): Promise<EnvironmentStatus> => {
      const application = applications.find((candidate) => candidate.metadata.name === environment);
      const deployment = deployments.find(
        ({ metadata }) => metadata.namespace === environment && metadata.name === 'quote-app',
      );
      const own = pods.filter((pod) => pod.metadata.namespace === environment);
      const revision = application?.status?.sync?.revision;
      const commit = revision === undefined ? undefined : await describe(revision, repositories);
      const image = deployment?.spec.template.spec.containers[0]?.image;
      const lastHeal = lastHealOf(environment, events);
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
        nodes: nodesOf(own),
        ...(lastHeal !== undefined && { lastHeal }),
        problems: [
          ...applicationProblems(application),
          ...projects
            .filter(({ metadata }) => metadata.name === environment)
            .flatMap((project) => syncWindowProblems(project, new Date())),
          ...own.flatMap(podProblems),
          ...autoscalers
            .filter(({ metadata }) => metadata.namespace === environment)
            .flatMap(autoscalerProblems),
          ...databases.filter(({ metadata }) => metadata.namespace === environment).flatMap(databaseProblems),
        ],
      };
    }),
  );
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

async function describe(revision: string, repositories: string[]) {
  for (const repository of repositories) {
    const log = ['-C', repository, 'log', '-1', '--format=%cI%x00%s', revision, '--'];
    const result = await execa('git', log, { reject: false });
    const [committed, subject] = result.failed ? [] : result.stdout.split('\0');
    if (committed !== undefined && subject !== undefined) {
      return { committed, subject };
    }
  }
  return {};
}

function nodesOf(pods: Pod[]): string[] {
  const app = pods.filter((pod) => pod.metadata.labels?.['app.kubernetes.io/name'] === 'quote-app');
  return [...new Set(app.flatMap((pod) => pod.spec.nodeName ?? []))].sort();
}

/** Argo CD heals what drifted by syncing just that, and says "partial" of it in an event. */
function lastHealOf(environment: Environment, events: Event[]): string | undefined {
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
  const conditions = (status?.conditions ?? []).map(({ type, message }) => `${type}: ${message}`);
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
