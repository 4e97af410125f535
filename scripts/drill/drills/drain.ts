import { KubectlError } from '../../gitops/kubectl.ts';
import { until } from '../../until.ts';
import { ApiError } from '../../watch/api.ts';
import { nodeOf, primary } from '../database.ts';
import type { Drill } from '../drill.ts';
import { isLiving, type Pod, type Stage, stateOf } from '../stage.ts';

const budget = '/apis/policy/v1/namespaces/prod/poddisruptionbudgets/quote-app-pdb';
type Budget = { status?: { currentHealthy: number } };

/** How long a pod's successor is waited for before the next pod goes all the same, in seconds. */
const patience = 15;

export const drain: Drill = {
  name: 'drain',
  environment: 'prod',
  cause: 'a node is cordoned and drained, one pod after another',
  holds: 'the budget is respected, the pods go elsewhere, and no request fails',
  usually: '75 s',
  run: async (stage, note) => {
    const { kubectl, api, pods } = stage;
    // A switchover is the drill db-switchover's.
    const primaryNode = await nodeOf(stage, await primary(stage));
    const node = (await pods('prod')).find((pod) => pod.node !== primaryNode)?.node;
    if (node === undefined) {
      throw new Error("every pod of quote-app in prod is on the node of its database's primary");
    }
    const drain = ['drain', node, '--ignore-daemonsets', '--delete-emptydir-data', '--timeout=100s'];
    let fewest = Number.POSITIVE_INFINITY;
    const watching = setInterval(async () => {
      const { status } = await api.json<Budget>(budget).catch(() => ({ status: undefined }));
      fewest = Math.min(fewest, status?.currentHealthy ?? fewest);
    }, 250);
    try {
      // What it would not drain it says before anything is moved.
      await kubectl([...drain, '--dry-run=client']);
      const started = Date.now();
      await kubectl(['cordon', node]);
      note(`${node} is cordoned`);
      for (const pod of await evictable(stage, node)) {
        const replaced = await evict(stage, pod);
        const { namespace, name } = pod.metadata;
        note(
          `${namespace}/${name} ${replaced ? 'is replaced' : `is evicted, and not replaced in ${patience} s`}`,
        );
      }
      await kubectl(drain);
      const drained = (Date.now() - started) / 1000;
      note(`${node} is drained`);
      await until('three pods elsewhere', async () => {
        const elsewhere = (await pods('prod')).filter((pod) => pod.node !== node && pod.ready && !pod.ending);
        return elsewhere.length >= 3;
      });
      note('three pods elsewhere');
      return {
        figures: { 'cordoned → drained': drained },
        held: [
          { what: 'two pods or more were healthy throughout', holds: fewest >= 2 },
          { what: 'the pods are elsewhere', holds: true },
        ],
      };
    } finally {
      clearInterval(watching);
      await kubectl(['uncordon', node]);
      note(`${node} takes pods again`);
    }
  },
};

type Evictable = Pod & {
  metadata: { ownerReferences?: { kind: string }[] };
  spec: { volumes?: { persistentVolumeClaim?: unknown }[] };
};

/** Those of a Postgres last: where its volume keeps it on the node, what needs it would wait for it beside it. */
async function evictable({ api }: Stage, node: string): Promise<Evictable[]> {
  const list = `/api/v1/pods?fieldSelector=spec.nodeName=${node}`;
  const { items } = await api.json<{ items: Evictable[] }>(list);
  const keepsData = ({ spec }: Evictable) =>
    spec.volumes?.some(({ persistentVolumeClaim }) => persistentVolumeClaim !== undefined) === true;
  return items
    .filter(isLiving)
    .filter(({ metadata }) => !metadata.ownerReferences?.some(({ kind }) => ofTheNode.includes(kind)))
    .sort((one, other) => Number(keepsData(one)) - Number(keepsData(other)));
}

/** What "kubectl drain" leaves there too: a pod of each node, and the files of its kubelet. */
const ofTheNode = ['DaemonSet', 'Node'];

/**
 * By the Eviction API, as "kubectl drain" does it, but then waits until the namespace has what it had, and says whether it
 * has: all of a node's pods at once start in the same seconds, for which two cores are too few (docs/decisions/0019).
 */
async function evict({ kubectl, api }: Stage, pod: Pod): Promise<boolean> {
  const { namespace, name, uid } = pod.metadata;
  const pods = `/api/v1/namespaces/${namespace}/pods`;
  const eviction = {
    apiVersion: 'policy/v1',
    kind: 'Eviction',
    metadata: { namespace, name },
    deleteOptions: { preconditions: { uid } },
  };
  const isReplaced = async () => {
    try {
      const { items } = await api.json<{ items: Pod[] }>(pods);
      const others = items.filter(isLiving);
      return others.every(
        (other) => other.metadata.uid !== uid && (stateOf(other).ready || hasNoPlace(other)),
      );
    } catch (error) {
      if (error instanceof ApiError) return false;
      throw error;
    }
  };
  await until(`${name} may go`, async () => {
    try {
      await kubectl(
        ['create', '--raw', `${pods}/${name}/eviction`, '--filename=-'],
        JSON.stringify(eviction),
      );
      return true;
    } catch (error) {
      if (!(error instanceof KubectlError)) throw error;
      // Gone by itself, or another of its name; else a budget says "not yet".
      if (/\((NotFound|Conflict)\)/.test(error.message)) return true;
      if (error.message.includes('(TooManyRequests)')) return false;
      throw error;
    }
  });
  const by = Date.now() + patience * 1000;
  let replaced = false;
  await until(`another in the place of ${name}`, async () => {
    replaced = await isReplaced();
    return replaced || Date.now() > by;
  });
  return replaced;
}

/** No node has room for it, or its volume is on the cordoned one, as that of a single Postgres is. */
function hasNoPlace({ status }: Pod): boolean {
  return (
    status.conditions?.some(({ type, status }) => type === 'PodScheduled' && status === 'False') === true
  );
}
