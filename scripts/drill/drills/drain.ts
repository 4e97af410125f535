import { setTimeout as sleep } from 'node:timers/promises';
import { until } from '../../until.ts';
import { nodeOf, primary } from '../database.ts';
import type { Drill } from '../drill.ts';
import type { Stage } from '../stage.ts';

const budget = '/apis/policy/v1/namespaces/prod/poddisruptionbudgets/quote-app-pdb';
type Budget = { status?: { currentHealthy: number } };

/** How long a pod's successor may take before the next pod goes all the same, in seconds. */
const successor = 15;

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
    let fewest = Number.POSITIVE_INFINITY;
    const watching = setInterval(async () => {
      const { status } = await api.json<Budget>(budget).catch(() => ({ status: undefined }));
      fewest = Math.min(fewest, status?.currentHealthy ?? fewest);
    }, 250);
    try {
      const started = Date.now();
      await kubectl(['cordon', node]);
      note(`${node} is cordoned`);
      for (const pod of await evictable(stage, node)) {
        await evict(stage, pod);
        note(`${pod.metadata.namespace}/${pod.metadata.name} is gone from it`);
      }
      await kubectl(['drain', node, '--ignore-daemonsets', '--delete-emptydir-data', '--timeout=100s']);
      const drained = (Date.now() - started) / 1000;
      note(`${node} is drained`);
      await until('three pods elsewhere', async () => {
        const elsewhere = (await pods('prod')).filter((pod) => pod.node !== node && pod.ready && !pod.ending);
        return elsewhere.length >= 3;
      });
      note('three pods elsewhere');
      return {
        figures: { drain: drained },
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

type Pod = {
  metadata: { namespace: string; name: string; uid: string; ownerReferences?: { kind: string }[] };
  status: { phase?: string; conditions?: { type: string; status: string }[] };
};

async function evictable({ api }: Stage, node: string): Promise<Pod[]> {
  const { items } = await api.json<{ items: Pod[] }>(`/api/v1/pods?fieldSelector=spec.nodeName=${node}`);
  return items.filter(
    ({ metadata, status }) =>
      !['Failed', 'Succeeded'].includes(status.phase ?? '') &&
      metadata.ownerReferences?.every(({ kind }) => kind !== 'DaemonSet') === true,
  );
}

/**
 * By the Eviction API, as "kubectl drain" does it, but until the namespace has what it had: all of a node's pods at once
 * start in the same seconds, for which two cores are too few (docs/decisions/0019).
 */
async function evict({ kubectl, api }: Stage, pod: Pod): Promise<void> {
  const { namespace, name, uid } = pod.metadata;
  const path = `/api/v1/namespaces/${namespace}/pods`;
  const eviction = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { namespace, name } };
  await until(`${name} may go`, async () => {
    try {
      await kubectl(['create', '--raw', `${path}/${name}/eviction`, '-f', '-'], JSON.stringify(eviction));
      return true;
    } catch (error) {
      if (!String(error).includes('disruption budget')) throw error;
      await sleep(1000);
      return false;
    }
  });
  await until(
    `another in the place of ${name}`,
    async () => {
      const { items } = await api.json<{ items: Pod[] }>(path);
      return items.every((other) => other.metadata.uid !== uid && (isReady(other) || hasNoPlace(other)));
    },
    successor,
  ).catch(() => {});
}

function isReady({ status }: Pod): boolean {
  const ready = status.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True');
  return ready === true || status.phase === 'Succeeded' || status.phase === 'Failed';
}

/** Its volume is on the cordoned node, as one of a single Postgres is: it waits there for the node. */
function hasNoPlace({ status }: Pod): boolean {
  return (
    status.conditions?.some(({ type, status }) => type === 'PodScheduled' && status === 'False') === true
  );
}
