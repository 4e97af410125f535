import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { check } from '../scripts/check/check.ts';
import { isFine } from '../scripts/gitops/status.ts';
import type { Rehearsal } from '../scripts/rehearsal.ts';
import { until } from '../scripts/until.ts';

const pool = 'node-restriction.kubernetes.io/environment';

type Pods = {
  items: {
    metadata: { name: string; uid: string; deletionTimestamp?: string };
    spec: { nodeName?: string };
    status: { conditions?: { type: string; status: string }[] };
  }[];
};

/** An environment on nodes of its own, in a cluster whose other nodes go on. */
export function ownNodes(
  promise: (what: string, holds: (t: TestContext) => Promise<void>) => void,
  rehearsal: () => Rehearsal,
): void {
  promise(
    'an environment that lists base/node-pool runs on its own nodes alone, and no new pod of another comes to them',
    async (t) => {
      const on = rehearsal();
      const pods = async (environment: string) => {
        const list = await on.kubectl.json<Pods>(['get', 'pods', `--namespace=${environment}`]);
        return (list?.items ?? []).filter(({ metadata }) => metadata.deletionTimestamp === undefined);
      };
      const nodes = (await on.kubectl(['get', 'nodes', '--output=jsonpath={.items[*].metadata.name}'])).split(
        ' ',
      );
      // dev's volume is on a node's disk: that one must be of the pool. The second is what a rollout of edge needs.
      const ofPostgres = (await pods('dev')).find(({ metadata }) => metadata.name.startsWith('postgres-'));
      const first = ofPostgres?.spec.nodeName ?? '';
      const own = [first, ...nodes.filter((node) => node !== first)].slice(0, 2);
      const taint = `${pool}=dev:NoSchedule`;
      try {
        await on.kubectl(['label', 'nodes', ...own, `${pool}=dev`]);
        await on.kubectl(['taint', 'nodes', ...own, taint]);
        // Who has a node has its kubelet's rights, and cannot bring it into another environment's pool.
        await assert.rejects(
          on.kubectl([
            ...['label', 'node', first, `${pool}=prod`, '--overwrite', '--dry-run=server'],
            ...[`--as=system:node:${first}`, '--as-group=system:nodes'],
          ]),
          /not allowed to modify labels: node-restriction\.kubernetes\.io\/environment/,
        );
        const component = '  - ../../base/priority\n';
        await on.edit('overlays/dev/kustomization.yaml', component, `${component}  - ../../base/node-pool\n`);
        assert.deepEqual((await check(on.clone, [], () => {})).report.findings, []);
        await on.push('dev: on its own nodes');
        const seconds = await until('dev on its own nodes', async () => {
          const found = await pods('dev');
          return (
            found.length >= 3 &&
            found.every(
              ({ spec, status }) =>
                own.includes(spec.nodeName ?? '') &&
                status.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True'),
            ) &&
            isFine(await on.status('dev'))
          );
        });
        const before = new Set((await pods('prod')).map(({ metadata }) => metadata.uid));
        await on.kubectl([
          ...['delete', 'pods', '--namespace=prod', '--wait=false'],
          '--selector=app.kubernetes.io/name=quote-app',
        ]);
        let fresh: string[] = [];
        await until("prod's new pods", async () => {
          const found = (await pods('prod')).filter(({ metadata }) => !before.has(metadata.uid));
          fresh = found.flatMap(({ spec }) => spec.nodeName ?? []);
          return fresh.length >= 3;
        });
        assert.deepEqual(
          fresh.filter((node) => own.includes(node)),
          [],
        );
        t.diagnostic(
          `push → dev on ${own.join(' and ')}: ${seconds.toFixed(1)} s; prod's new pods on ${fresh[0]}`,
        );
        await on.revert();
      } finally {
        await on.kubectl(['taint', 'nodes', ...own, `${taint}-`]);
        await on.kubectl(['label', 'nodes', ...own, `${pool}-`]);
      }
      await until('both well', async () => {
        return isFine(await on.status('dev')) && isFine(await on.status('prod'));
      });
    },
  );
}
