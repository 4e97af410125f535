import { readStatus } from '../../gitops/status.ts';
import { until } from '../../until.ts';
import type { Drill } from '../drill.ts';
import type { PodState, Stage } from '../stage.ts';

/** What a node has left beside such a pod, or two, of dev is less: where dev fills the nodes, prod has room on none. */
const amount = '1200Mi';

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
    await clone.edit('overlays/dev/kustomization.yaml', 'patches:\n', `patches:\n${memory}`);
    await clone.push(`dev: five replicas of ${amount}`);
    const started = Date.now();
    note(`pushed: dev asks for five times ${amount}`);
    await until('status to say what has no room', () => saysPending(stage));
    const told = (Date.now() - started) / 1000;
    note('status says which pods have no room, and what to do');
    await until('dev where there is room', async () => {
      const big = (await grown(stage, 'dev')).filter(({ node }) => node !== '');
      return big.length >= 3 && big.every(({ ready }) => ready);
    });
    const filled = (await pods('dev')).map(({ name }) => name);
    note(`${(await grown(stage, 'dev')).filter(({ ready }) => ready).length} pods of dev fill the nodes`);
    let fewest = Number.POSITIVE_INFINITY;
    await clone.edit('overlays/prod/kustomization.yaml', 'patches:\n', `patches:\n${memory}`);
    await clone.push(`prod: ${amount}`);
    note(`pushed: prod asks for three times ${amount}`);
    await until('prod at what it asks for', async () => {
      const now = await pods('prod');
      fewest = Math.min(fewest, now.filter(({ ready, ending }) => ready && !ending).length);
      return (await grown(stage, 'prod')).filter(({ ready }) => ready).length >= 3;
    });
    note('prod has what it asks for');
    const gone = await preempted(stage, filled);
    return {
      figures: { 'push → told': told },
      held: [
        { what: 'status names the pods that have no room, with the remedy', holds: true },
        { what: 'three pods of prod or more stood throughout', holds: fewest >= 3 },
        { what: `dev gave way: ${gone} of its pods were preempted`, holds: gone > 0 },
      ],
    };
  },
};

const memory = ['requests', 'limits'].reduce(
  (patch, field) =>
    `${patch}      - {op: replace, path: /spec/template/spec/containers/0/resources/${field}/memory, value: ${amount}}\n`,
  '  - target: {kind: Deployment, name: quote-app}\n    patch: |-\n',
);

/** The service's pods that ask for the amount: those of the version before stay while there is no room. */
async function grown({ kubectl, pods }: Stage, environment: 'dev' | 'prod'): Promise<PodState[]> {
  const requests = '{range .items[*]}{.metadata.name}={.spec.containers[0].resources.requests.memory} {end}';
  const list = ['get', 'pods', `--namespace=${environment}`, `--output=jsonpath=${requests}`];
  const asking = (await kubectl(list)).split(' ');
  return (await pods(environment)).filter(({ name }) => asking.includes(`${name}=${amount}`));
}

/** How many of the pods the scheduler took away for one of a higher priority. */
async function preempted({ kubectl }: Stage, names: string[]): Promise<number> {
  const list = ['get', 'events', '--namespace=dev', '--field-selector=reason=Preempted'];
  const events = (await kubectl.json<{ items: { involvedObject: { name: string } }[] }>(list))?.items ?? [];
  return names.filter((name) => events.some(({ involvedObject }) => involvedObject.name === name)).length;
}

async function saysPending({ kubectl }: Stage): Promise<boolean> {
  const status = (await readStatus(kubectl, [])).find(({ environment }) => environment === 'dev');
  return (
    status?.problems.some((problem) => problem.includes(`no node has room for the memory ${amount}`)) === true
  );
}
