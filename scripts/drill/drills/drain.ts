import { until } from '../../until.ts';
import type { Drill } from '../drill.ts';

export const drain: Drill = {
  name: 'drain',
  environment: 'prod',
  cause: 'a node is cordoned and drained',
  holds: 'the budget is respected, the pods go elsewhere, and no request fails',
  usually: '40 s',
  run: async ({ kubectl, pods, field }, note) => {
    // The one Postgres pod cannot move while it has its volume: a node without it.
    const [database] = await pods('prod', 'postgres');
    const node = (await pods('prod')).find((pod) => pod.node !== database?.node)?.node;
    if (node === undefined) {
      throw new Error('every pod of quote-app in prod is on the node of its database');
    }
    let fewest = Number.POSITIVE_INFINITY;
    const watching = setInterval(async () => {
      const healthy = await field(
        'prod',
        'poddisruptionbudget/quote-app-pdb',
        '{.status.currentHealthy}',
      ).catch(() => '');
      fewest = healthy === '' ? fewest : Math.min(fewest, Number(healthy));
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
