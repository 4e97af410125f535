import { until } from '../../until.ts';
import { nodeOf, primary } from '../database.ts';
import type { Drill } from '../drill.ts';

const budget = '/apis/policy/v1/namespaces/prod/poddisruptionbudgets/quote-app-pdb';
type Budget = { status?: { currentHealthy: number } };

export const drain: Drill = {
  name: 'drain',
  environment: 'prod',
  cause: 'a node is cordoned and drained',
  holds: 'the budget is respected, the pods go elsewhere, and no request fails',
  usually: '40 s',
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
      note(`draining ${node}`);
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
