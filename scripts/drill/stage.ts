import { CannotRun } from '../cli.ts';
import { type Cluster, embeddedCluster } from '../cluster/cluster.ts';
import { readPorts } from '../cluster/gateway/gateway.ts';
import { clusterLayout } from '../cluster/layout.ts';
import { clusterReference } from '../cluster-reference.ts';
import { type Environment, environments } from '../environment.ts';
import { type Kubectl, kubectlFor } from '../gitops/kubectl.ts';
import { type WorkingClone, workingClone } from '../gitops/working-clone.ts';
import { listApplications, refresh, untilAllWell } from '../start/deploy.ts';
import { until } from '../until.ts';
import { type Api, apiOf, findIn } from '../watch/api.ts';

/** A pod as drills look at it. */
export type PodState = { name: string; uid: string; node: string; ready: boolean; ending: boolean };

/** What drills read one of, and where the API has it. */
const groups = {
  pods: 'api/v1',
  services: 'api/v1',
  configmaps: 'api/v1',
  nodes: 'api/v1',
  deployments: 'apis/apps/v1',
  clusters: 'apis/postgresql.cnpg.io/v1',
} as const;
type Resource = keyof typeof groups;

/** What drills act on: a running cluster, and a clone of what it deploys. */
export interface Stage {
  cluster: Cluster;
  kubectl: Kubectl;
  /** For what is asked again and again: a kubectl each time would take the CPU that a drill needs. */
  api: Api;
  clone: WorkingClone;
  /** Where each environment's service answers. */
  url(environment: Environment): string;
  pods(environment: Environment, app?: string): Promise<PodState[]>;
  /** One pod of the service. @throws when there is none */
  onePod(environment: Environment): Promise<PodState>;
  /**
   * A pod of the service whose container was never started again, for kubelet waits longer each time. Where there is
   * none, one is made.
   */
  untouchedPod(environment: Environment): Promise<PodState>;
  /** How often the container of a pod was started again. */
  restarts(environment: Environment, pod: string): Promise<number>;
  /** An object, as much of it as the caller knows; undefined where there is none. */
  find<T>(resource: Resource, namespace: string, name: string): Promise<T | undefined>;
  /** Makes Git what it was, and waits until every environment is as Git says, with no pod left on its way out. */
  putBack(): Promise<void>;
  end(): Promise<void>;
}

/** A cluster of the user's own: its context, where services answer, and what Git to push to. */
export interface OwnCluster {
  context: string;
  urls: Partial<Record<Environment, string>>;
  /** Where this machine reaches the repository, where that is not as Argo CD does. */
  repository?: string | undefined;
}

/** The repository that a context's cluster deploys. @throws {CannotRun} when it deploys none of ours, or is not there */
export async function requireRoot(context: string): Promise<string> {
  const kubectl = await kubectlFor(clusterReference({ context }));
  const applications = await listApplications(kubectl).catch((error: Error) => {
    throw new CannotRun(`"${context}" has no Argo CD that can be asked:\n${error.message}`);
  });
  const root = applications.find(({ metadata }) => metadata.name === 'root');
  if (root === undefined) {
    throw new CannotRun(`"${context}" has no root Application: "npm start -- --context ${context}" first.`);
  }
  return root.spec?.source?.repoURL ?? '';
}

/** @throws {CannotRun} when no Argo CD with our Applications answers there */
export async function openOwnStage({ context, urls, repository }: OwnCluster): Promise<Stage> {
  const reference = clusterReference({ context });
  const kubectl = await kubectlFor(reference);
  const clone = await workingClone(repository ?? (await requireRoot(context)), 'drill');
  // Whether there is a webhook is not known: Argo CD is told of each push.
  const telling = async (publish: Promise<string>) => {
    const commit = await publish;
    await Promise.all(environments.map((environment) => refresh(kubectl, environment)));
    return commit;
  };
  const told: WorkingClone = {
    ...clone,
    push: (message) => telling(clone.push(message)),
    revert: () => telling(clone.revert()),
  };
  return stage(kubectl, apiOf(reference), told, urls, undefined);
}

/** @throws {CannotRun} when no embedded cluster of that name runs */
export async function openStage(name: string): Promise<Stage> {
  const layout = clusterLayout(name);
  const reference = clusterReference({ name });
  const kubectl = await kubectlFor(reference);
  const ports = await readPorts(layout);
  const answers = ports !== undefined && (await kubectl(['get', 'nodes']).catch(() => '')) !== '';
  if (ports === undefined || !answers) {
    throw new CannotRun(`The cluster "${name}" does not run: start it with "npm start".`);
  }
  const clone = await workingClone(`http://127.0.0.1:${ports.git}/quotes.git`, 'drill');
  const urls = environments.map((environment) => [environment, `http://127.0.0.1:${ports[environment]}`]);
  return stage(kubectl, apiOf(reference), clone, Object.fromEntries(urls), embeddedCluster(name));
}

function stage(
  kubectl: Kubectl,
  api: Api,
  clone: WorkingClone,
  urls: Partial<Record<Environment, string>>,
  cluster: Cluster | undefined,
): Stage {
  const onePod = async (environment: Environment) => {
    const [pod] = await podsOf(api, environment, 'quote-app');
    if (pod === undefined) {
      throw new Error(`${environment} has no pod of quote-app`);
    }
    return pod;
  };
  const restarts = async (environment: Environment, pod: string) => {
    const { status } = await api.json<Pod>(`/api/v1/namespaces/${environment}/pods/${pod}`);
    return status.containerStatuses?.[0]?.restartCount ?? 0;
  };
  return {
    get cluster() {
      if (cluster === undefined) {
        throw new CannotRun('Only the embedded cluster can do this.');
      }
      return cluster;
    },
    kubectl,
    api,
    clone,
    url: (environment) => {
      const url = urls[environment];
      if (url === undefined) {
        throw new CannotRun(`Where does ${environment} answer? Say --url ${environment}=URL.`);
      }
      return url;
    },
    pods: (environment, app = 'quote-app') => podsOf(api, environment, app),
    onePod,
    untouchedPod: async (environment) => {
      const untouched = async () => {
        for (const pod of await podsOf(api, environment, 'quote-app')) {
          if (pod.ready && !pod.ending && (await restarts(environment, pod.name)) === 0) {
            return pod;
          }
        }
      };
      let found = await untouched();
      if (found === undefined) {
        const { name } = await onePod(environment);
        await kubectl(['delete', 'pod', name, `--namespace=${environment}`]);
        await until('a pod in its place', async () => {
          found = await untouched();
          return found !== undefined;
        });
      }
      return found ?? onePod(environment);
    },
    restarts,
    find: <T>(resource: Resource, namespace: string, name: string) => {
      const scope = namespace === '' ? '' : `namespaces/${namespace}/`;
      return findIn<T>(api, `/${groups[resource]}/${scope}${resource}/${name}`);
    },
    putBack: async () => {
      // Whose Git it is decides: history that others may have is added to, never rewritten.
      const commit = await clone.putBack({ rewrite: cluster !== undefined });
      // Those that the push does not concern would be asked only seconds later.
      await Promise.all(environments.map((environment) => refresh(kubectl, environment)));
      await until(`every environment at ${commit}`, () => areAt(kubectl, commit), 180);
      await untilAllWell(kubectl, [], 180, () => {});
      await until('no pod on its way out', async () => {
        const pods = await Promise.all(environments.map((environment) => podsOf(api, environment)));
        return pods.flat().every(({ ending, ready }) => ready && !ending);
      });
    },
    end: () => clone.remove(),
  };
}

/** A pod as the API has it: what drills read of it. */
export type Pod = {
  metadata: { name: string; namespace: string; uid: string; deletionTimestamp?: string };
  spec: { nodeName?: string; containers: { name: string; image: string }[] };
  status: {
    phase?: string;
    podIP?: string;
    conditions?: { type: string; status: string }[];
    containerStatuses?: { name: string; containerID?: string; restartCount: number }[];
  };
};

/** A node as the API has it: what drills read of it. */
export type Node = {
  spec: { taints?: object[] };
  status: { conditions: { type: string; status: string }[] };
};

/** A Deployment as the API has it: what drills read of it. */
export type Deployment = {
  spec: {
    replicas: number;
    template: { spec: { containers: { env?: { name: string; value?: string }[] }[] } };
  };
  status: { readyReplicas?: number };
};

/** The status of a node's condition: `True`, `False` or `Unknown`; undefined where it has none. */
export async function nodeCondition(
  { find }: Pick<Stage, 'find'>,
  node: string,
  condition: string,
): Promise<string | undefined> {
  const conditions = (await find<Node>('nodes', '', node))?.status.conditions;
  return conditions?.find(({ type }) => type === condition)?.status;
}

async function areAt(kubectl: Kubectl, commit: string): Promise<boolean> {
  const applications = await listApplications(kubectl);
  return environments.every((environment) =>
    applications.some(
      ({ metadata, status }) => metadata.name === environment && status?.sync?.revision === commit,
    ),
  );
}

async function podsOf(api: Api, environment: Environment, app?: string): Promise<PodState[]> {
  const labelSelector = app === undefined ? '' : `app.kubernetes.io/name=${app}`;
  const query = new URLSearchParams({ labelSelector });
  const { items } = await api.json<{ items: Pod[] }>(`/api/v1/namespaces/${environment}/pods?${query}`);
  return items.filter(isLiving).map(stateOf);
}

/** What has ended is a record and no pod: an evicted one stays as such. */
export function isLiving({ status }: Pod): boolean {
  return !['Failed', 'Succeeded'].includes(status.phase ?? '');
}

/** A pod as drills look at it. */
export function stateOf({ metadata, spec, status }: Pod): PodState {
  return {
    name: metadata.name,
    uid: metadata.uid,
    node: spec.nodeName ?? '',
    ready: status.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true,
    ending: metadata.deletionTimestamp !== undefined,
  };
}
