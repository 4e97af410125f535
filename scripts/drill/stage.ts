import { setTimeout as sleep } from 'node:timers/promises';
import { CannotRun } from '../cli.ts';
import { type Cluster, embeddedCluster } from '../cluster/cluster.ts';
import { readPorts } from '../cluster/gateway/gateway.ts';
import { clusterLayout } from '../cluster/layout.ts';
import { clusterReference } from '../cluster-reference.ts';
import { type Environment, environments } from '../environments.ts';
import { type Kubectl, kubectlFor } from '../gitops/kubectl.ts';
import { type WorkingClone, workingClone } from '../gitops/working-clone.ts';
import { untilAllWell } from '../start/deploy.ts';

/** A pod as drills look at it. */
type PodState = { name: string; uid: string; node: string; ready: boolean; ending: boolean };

/** What drills act on: a running cluster, and a clone of what it deploys. */
export interface Stage {
  cluster: Cluster;
  kubectl: Kubectl;
  clone: WorkingClone;
  /** Where each environment's service answers. */
  url(environment: Environment): string;
  pods(environment: Environment, app?: string): Promise<PodState[]>;
  /** One pod of the service. @throws when there is none */
  onePod(environment: Environment): Promise<PodState>;
  /** The value at a JSONPath of an object; '' where either is missing. */
  field(namespace: string, object: string, jsonpath: string): Promise<string>;
  /** Makes Git what it was, and waits until every environment is as Git says, with no pod left on its way out. */
  putBack(): Promise<void>;
  end(): Promise<void>;
}

/** @throws {CannotRun} when no embedded cluster of that name runs */
export async function openStage(name: string): Promise<Stage> {
  const layout = clusterLayout(name);
  const kubectl = await kubectlFor(clusterReference({ name }));
  const ports = await readPorts(layout);
  const answers = ports !== undefined && (await kubectl(['get', 'nodes']).catch(() => '')) !== '';
  if (ports === undefined || !answers) {
    throw new CannotRun(`The cluster "${name}" does not run: start it with "npm start".`);
  }
  const clone = await workingClone(`http://127.0.0.1:${ports.git}/quotes.git`, 'drill');
  return {
    cluster: embeddedCluster(name),
    kubectl,
    clone,
    url: (environment) => `http://127.0.0.1:${ports[environment]}`,
    pods: (environment, app = 'quote-app') =>
      podsOf(kubectl, environment, `--selector=app.kubernetes.io/name=${app}`),
    onePod: async (environment) => {
      const [pod] = await podsOf(kubectl, environment, '--selector=app.kubernetes.io/name=quote-app');
      if (pod === undefined) {
        throw new Error(`${environment} has no pod of quote-app`);
      }
      return pod;
    },
    field: (namespace, object, jsonpath) => {
      const output = ['--ignore-not-found', `--output=jsonpath=${jsonpath}`];
      return kubectl(['get', object, `--namespace=${namespace}`, ...output]);
    },
    putBack: async () => {
      const commit = await clone.putBack();
      await until(`every environment at ${commit}`, () => areAt(kubectl, commit), 180);
      await untilAllWell(kubectl, [], 180, () => {});
      await until('no pod on its way out', async () => {
        const pods = await Promise.all(environments.map((environment) => podsOf(kubectl, environment)));
        return pods.flat().every(({ ending, ready }) => ready && !ending);
      });
    },
    end: () => clone.remove(),
  };
}

type Pod = {
  metadata: { name: string; uid: string; deletionTimestamp?: string };
  spec: { nodeName?: string };
  status: { conditions?: { type: string; status: string }[] };
};

type Application = { metadata: { name: string }; status?: { sync?: { revision?: string } } };

async function areAt(kubectl: Kubectl, commit: string): Promise<boolean> {
  const list = ['get', 'applications.argoproj.io', '--namespace=argocd'];
  const applications = (await kubectl.json<{ items: Application[] }>(list))?.items ?? [];
  return environments.every((environment) =>
    applications.some(
      ({ metadata, status }) => metadata.name === environment && status?.sync?.revision === commit,
    ),
  );
}

async function podsOf(
  kubectl: Kubectl,
  environment: Environment,
  ...selector: string[]
): Promise<PodState[]> {
  const list = ['get', 'pods', `--namespace=${environment}`, ...selector];
  const pods = (await kubectl.json<{ items: Pod[] }>(list))?.items ?? [];
  return pods.map(({ metadata, spec, status }) => ({
    name: metadata.name,
    uid: metadata.uid,
    node: spec.nodeName ?? '',
    ready: status.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true,
    ending: metadata.deletionTimestamp !== undefined,
  }));
}

/** Asks every tenth of a second until it holds; the seconds that took. @throws when it does not in time */
export async function until(
  what: string,
  holds: () => Promise<boolean> | boolean,
  seconds = 120,
): Promise<number> {
  const started = Date.now();
  while (!(await holds())) {
    if (Date.now() - started > seconds * 1000) {
      throw new Error(`${what}: not within ${seconds} s`);
    }
    await sleep(100);
  }
  return (Date.now() - started) / 1000;
}
