import { readStatus } from '../../gitops/status.ts';
import { until } from '../../until.ts';
import type { Drill } from '../drill.ts';
import type { Stage } from '../stage.ts';

export const capacity: Drill = {
  name: 'capacity',
  environment: 'prod',
  cause: 'dev asks for more memory than the nodes have, and then prod asks for more than is left',
  holds:
    'what has no room is Pending and status says why and what to do; dev gives way to prod; no request fails',
  embeddedOnly: true,
  usually: '60 s',
  run: async (stage, note) => {
    const { clone, pods } = stage;
    await clone.edit('overlays/dev/kustomization.yaml', 'count: 1', 'count: 5');
    await clone.edit('overlays/dev/kustomization.yaml', 'patches:\n', `patches:\n${memory('2000Mi')}`);
    await clone.push('dev: five replicas of 2000 MiB');
    const started = Date.now();
    note('pushed: dev asks for five times 2000 MiB');
    await until('status to say what has no room', () => saysPending(stage));
    const told = (Date.now() - started) / 1000;
    note('status says which pods have no room, and what to do');
    await until('dev where there is room', async () => (await readyPods(stage, 'dev')) >= 3);
    const filled = await readyPods(stage, 'dev');
    note(`${filled} pods of dev fill the nodes`);
    const before = new Set((await pods('prod')).map(({ name }) => name));
    let fewest = Number.POSITIVE_INFINITY;
    await clone.edit('overlays/prod/kustomization.yaml', 'patches:\n', `patches:\n${memory('800Mi')}`);
    await clone.push('prod: 800 MiB');
    note('pushed: prod asks for three times 800 MiB');
    await until('prod at what it asks for', async () => {
      const now = await pods('prod');
      fewest = Math.min(fewest, now.filter(({ ready, ending }) => ready && !ending).length);
      return now.filter(({ name, ready }) => ready && !before.has(name)).length >= 3;
    });
    note('prod has what it asks for');
    const left = await readyPods(stage, 'dev');
    return {
      figures: { 'push → told': told },
      held: [
        { what: 'status names the pods that have no room, with the remedy', holds: true },
        { what: 'three pods of prod or more stood throughout', holds: fewest >= 3 },
        { what: `dev gave way: ${filled} pods, then ${left}`, holds: left < filled },
      ],
    };
  },
};

function memory(amount: string): string {
  const operation = (field: string) =>
    `      - {op: replace, path: /spec/template/spec/containers/0/resources/${field}/memory, value: ${amount}}\n`;
  const target = '  - target: {kind: Deployment, name: quote-app}\n    patch: |-\n';
  return `${target}${operation('requests')}${operation('limits')}`;
}

async function readyPods({ pods }: Stage, environment: 'dev' | 'prod'): Promise<number> {
  return (await pods(environment)).filter(({ ready, ending }) => ready && !ending).length;
}

async function saysPending({ kubectl }: Stage): Promise<boolean> {
  const status = (await readStatus(kubectl, [])).find(({ environment }) => environment === 'dev');
  return status?.problems.some((problem) => /no node has room for the memory 2000Mi/.test(problem)) === true;
}
