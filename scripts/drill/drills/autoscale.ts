import { setTimeout as sleep } from 'node:timers/promises';
import { listApplications } from '../../start/deploy.ts';
import { until } from '../../until.ts';
import type { Drill } from '../drill.ts';
import { isServed, startLoad } from '../load.ts';
import type { Deployment, Stage } from '../stage.ts';

/** Requests a second on top of the steady ones: three pods at 160 a second are above the autoscaler's 70m. */
const rush = 450;
/** How long Git is watched for fighting the autoscaler, in milliseconds. */
const watched = 15_000;

export const autoscale: Drill = {
  name: 'autoscale',
  environment: 'prod',
  cause: `${rush} requests a second more come to prod, and then no longer`,
  holds: 'the autoscaler adds pods, and takes them away again; Argo CD undoes neither; no request fails',
  usually: '4 min',
  run: async (stage, note) => {
    const replicas = async () =>
      (await stage.find<Deployment>('deployments', 'prod', 'quote-app'))?.spec.replicas ?? 0;
    const few = await replicas();
    const load = startLoad(`${stage.url('prod')}/api/quotes/random`, rush);
    note(`${rush} requests a second more`);
    try {
      const grown = await until('more pods', async () => (await replicas()) > few, 180);
      const many = await replicas();
      note(`the autoscaler asks for ${many} pods in place of ${few}`);
      await until('them ready', async () => {
        const pods = await stage.pods('prod');
        return pods.filter(({ ready }) => ready).length >= many;
      });
      note('they are ready');
      await sleep(watched);
      const kept = (await replicas()) >= many && (await syncOf(stage)) === 'Synced';
      await load.stop();
      note('the rush is over');
      const shrunk = await until('few pods again', async () => (await replicas()) === few, 300);
      note(`${few} pods again`);
      const failed = load.answers.filter((answer) => !isServed(answer)).length;
      return {
        figures: { 'rush → more pods': grown, 'over → fewer pods': shrunk },
        held: [
          { what: 'Argo CD is Synced and leaves the pods that were added', holds: kept },
          {
            what: `none of the rush's ${load.answers.length} requests failed (${failed})`,
            holds: failed === 0,
          },
        ],
      };
    } finally {
      await load.stop();
    }
  },
};

async function syncOf({ kubectl }: Stage): Promise<string | undefined> {
  const applications = await listApplications(kubectl);
  return applications.find(({ metadata }) => metadata.name === 'prod')?.status?.sync?.status;
}
