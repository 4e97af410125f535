import type { Environment } from '../environment.ts';
import type { Commit } from '../gitops/commits.ts';
import type { DatabaseCluster } from '../gitops/database-problems.ts';
import type { Pod } from '../gitops/pod-problems.ts';
import {
  applicationOf,
  type EnvironmentStatus,
  environmentStatus,
  type StatusObjects,
} from '../gitops/status.ts';
import type { Journey } from '../release/journey.ts';
import type { AuditView } from './audits.ts';
import type { DrillView } from './drills.ts';
import type { Heal } from './heals.ts';
import { mostAsked } from './pod-metrics.ts';
import { type Requests, together } from './requests.ts';

/** A pod as the page needs it. */
export type PagePod = Pod & {
  metadata: { uid: string; creationTimestamp: string };
  status: { podIP?: string };
};

/** The objects the page is made from. */
export interface PageObjects extends StatusObjects {
  pods: readonly PagePod[];
}

/** A pod in the page's words. Times are ISO 8601, lag is seconds. */
export interface PodView {
  name: string;
  node: string;
  /** As kubectl's STATUS column has it. */
  state: string;
  ready: boolean;
  restarts: number;
  since: string;
  requests?: Requests;
  /** Of a database's instance. */
  role?: string;
  lag?: number;
}

/** What one environment is and does. */
export interface EnvironmentView extends EnvironmentStatus {
  /** Where it answers, where that is known. */
  url?: string;
  /** How the image came there; undefined where Git does not say it. */
  version?: Journey;
  /** Whether the Application names the image, as `npm start` has it do for a checkout's, and not Git. */
  imageFromApplication: boolean;
  /** The first of quote-app's pods: those with a problem before the others. */
  pods: PodView[];
  podCount: number;
  database: PodView[];
  requests?: Requests;
  /** Whether more pods answer than were asked. */
  isSample: boolean;
  /** The newest first. */
  heals: Heal[];
}

/** All that the page shows. */
export interface PageState {
  cluster: string;
  /** Where Argo CD's UI is, where there is one. */
  argocd?: string;
  /** What cannot be read now, and why. */
  unreadable: string[];
  /** Kinds that the page does without. */
  unseen: string[];
  objects: number;
  environments: EnvironmentView[];
  /** Undefined where the page runs none. */
  audit?: AuditView;
  drills: DrillView[];
}

/** What of an environment is not in the cluster's objects. */
export interface Surroundings {
  url?: string;
  commit?: Commit;
  version?: Journey;
  requests(uid: string): Requests | undefined;
  lag(uid: string): number | undefined;
  heals: Heal[];
}

/** How many pods are shown: nobody reads ten thousand, and the others are counted. */
const mostPods = 30;
/** The role that CloudNativePG gives an instance, a label of its pod. */
export const roleLabel = 'cnpg.io/instanceRole';

/** Makes the view of an environment at a time. */
export function environmentView(
  environment: Environment,
  objects: PageObjects,
  around: Surroundings,
  at: Date,
): EnvironmentView {
  const status = environmentStatus(environment, objects, around.commit, at);
  const own = objects.pods.filter(({ metadata }) => metadata.namespace === environment);
  const named = (name: string) =>
    own.filter(({ metadata }) => metadata.labels?.['app.kubernetes.io/name'] === name);
  const app = named('quote-app').map((pod) => withRequests(podView(pod), around.requests(pod.metadata.uid)));
  const requests = app.flatMap((pod) => pod.requests ?? []);
  const application = applicationOf(environment, objects);
  const clusters = objects.databases.filter(({ metadata }) => metadata.namespace === environment);
  return {
    ...status,
    ...(around.url !== undefined && { url: around.url }),
    ...(around.version !== undefined && { version: around.version }),
    imageFromApplication: (application?.spec?.source?.kustomize?.images ?? []).length > 0,
    pods: app.toSorted(worstFirst).slice(0, mostPods),
    podCount: app.length,
    database: named('postgres')
      .map((pod) => instanceView(pod, clusters, around.lag(pod.metadata.uid)))
      .toSorted((one, other) => (one.name < other.name ? -1 : 1))
      .slice(0, mostPods),
    ...(requests.length > 0 && { requests: together(requests) }),
    isSample: app.length > mostAsked,
    heals: around.heals,
  };
}

function withRequests(pod: PodView, requests: Requests | undefined): PodView {
  return requests === undefined ? pod : { ...pod, requests };
}

function instanceView(pod: PagePod, clusters: readonly DatabaseCluster[], lag: number | undefined): PodView {
  const role = pod.metadata.labels?.[roleLabel];
  const isPrimary = clusters.some(({ status }) => status?.currentPrimary === pod.metadata.name);
  return {
    ...podView(pod),
    ...(role === undefined && clusters.length > 0 && { role: 'none yet' }),
    ...(role !== undefined && { role: isPrimary ? 'primary' : role === 'primary' ? 'was primary' : role }),
    ...(role !== undefined && !isPrimary && lag !== undefined && { lag }),
  };
}

function podView(pod: PagePod): PodView {
  const containers = pod.status.containerStatuses ?? [];
  return {
    name: pod.metadata.name,
    node: pod.spec.nodeName ?? '',
    state: stateOf(pod),
    ready: containers.length > 0 && containers.every(({ ready }) => ready === true),
    restarts: containers.reduce((sum, { restartCount = 0 }) => sum + restartCount, 0),
    since: pod.metadata.creationTimestamp,
  };
}

function stateOf({ metadata, status }: PagePod): string {
  const waiting = status.containerStatuses?.find(({ state }) => state.waiting !== undefined)?.state.waiting;
  const terminated = metadata.deletionTimestamp === undefined ? undefined : 'Terminating';
  return terminated ?? status.reason ?? waiting?.reason ?? status.phase ?? 'Unknown';
}

function worstFirst(one: PodView, other: PodView): number {
  const rank = ({ ready, state }: PodView) => (ready && state === 'Running' ? 1 : 0);
  return rank(one) - rank(other) || (one.name < other.name ? -1 : 1);
}
