import { setTimeout as sleep } from 'node:timers/promises';
import { Quantity } from '../check/admission/quantity.ts';
import { CannotRun } from '../cli.ts';
import { isServed, startLoad } from '../drill/load.ts';
import { openStage } from '../drill/stage.ts';
import { markdownTable } from '../markdown-table.ts';
import { quantile } from './quantile.ts';

/** What the pods of a workload used at a rate of requests: the highest pod's, in thousandths of a core and bytes. */
export type Use = { rate: number; workload: string; pods: number; cpu: number; memory: number };

/** Requests a second to prod, each for long enough that metrics are of it alone. */
const rates = [0, 40, 200];
const settled = 45_000;

type PodMetrics = {
  metadata: { labels: Record<string, string> };
  containers: { usage: { cpu: string; memory: string } }[];
};

/** Reads what metrics-server says of prod's pods, at each rate, on the running embedded cluster of that name. */
export async function benchResources(cluster: string): Promise<Use[]> {
  const stage = await openStage(cluster);
  const uses: Use[] = [];
  try {
    for (const rate of rates) {
      process.stderr.write(`${rate} requests a second (usually 45 s)\n`);
      const load = rate === 0 ? undefined : startLoad(`${stage.url('prod')}/api/quotes/random`, rate);
      await sleep(settled);
      const pods = ['get', '--raw', '/apis/metrics.k8s.io/v1beta1/namespaces/prod/pods'];
      const { items } = JSON.parse(await stage.kubectl(pods)) as { items: PodMetrics[] };
      await load?.stop();
      const served = load?.answers.filter(isServed).length ?? 0;
      if (served < rate * (settled / 1000) * 0.95) {
        throw new CannotRun(
          `only ${served} requests were served in ${settled / 1000} s: the figures would be of less.`,
        );
      }
      const workloads = Map.groupBy(items, ({ metadata }) => metadata.labels['app.kubernetes.io/name'] ?? '');
      uses.push(...[...workloads].map(([workload, own]) => useOf(rate, workload, own)));
    }
  } finally {
    await stage.end();
  }
  return uses;
}

function useOf(rate: number, workload: string, pods: PodMetrics[]): Use {
  const highest = (resource: 'cpu' | 'memory', unit: bigint) =>
    quantile(
      pods.map(({ containers }) =>
        containers.reduce(
          (sum, { usage }) => sum + Number((Quantity.parse(usage[resource])?.nanos ?? 0n) / unit),
          0,
        ),
      ),
      1,
    );
  return {
    rate,
    workload,
    pods: pods.length,
    cpu: highest('cpu', 1_000_000n),
    memory: highest('memory', 1_000_000_000n),
  };
}

/** One row a rate and workload, as Markdown. */
export function resourcesTable(uses: Use[]): string {
  const head = ['workload', 'pods', 'requests a second, all pods', 'CPU of a pod', 'memory'];
  const rows = uses
    .toSorted((one, other) => one.workload.localeCompare(other.workload) || one.rate - other.rate)
    .map(({ rate, workload, pods, cpu, memory }) => [
      workload,
      String(pods),
      String(rate),
      `${cpu}m`,
      `${Math.round(memory / 2 ** 20)}Mi`,
    ]);
  return markdownTable(head, rows);
}
