import { setTimeout as sleep } from 'node:timers/promises';
import { until } from '../../until.ts';
import type { Drill } from '../drill.ts';
import type { Pod, Stage } from '../stage.ts';

export const podKill: Drill = {
  name: 'pod-kill',
  environment: 'prod',
  cause: 'one of three pods is deleted',
  holds: 'it is replaced, and no request fails',
  usually: '25 s',
  goal: { figure: 'deleted → capacity', seconds: 2 },
  elsewhere: { notes: '8 s' },
  run: async (stage, note) => {
    const victim = await stage.onePod('prod');
    const wanted = (await stage.pods('prod')).length;
    await stage.kubectl(['delete', 'pod', victim.name, '--namespace=prod', '--wait=false']);
    note(`deleted ${victim.name}`);
    const capacity = await untilCapacity(stage, wanted, victim.name);
    note('as many pods are ready as before');
    await until(
      'the deleted pod gone',
      async () => !(await stage.pods('prod')).some(({ name }) => name === victim.name),
    );
    return {
      figures: { 'deleted → capacity': capacity },
      held: [{ what: 'the pod is replaced', holds: true }],
    };
  },
};

export const processKill: Drill = {
  name: 'process-kill',
  environment: 'prod',
  cause: 'the process of one of three pods is killed, without a goodbye',
  holds: 'its container is started again, and no request fails',
  embeddedOnly: true,
  usually: '20 s',
  goal: { figure: 'killed → capacity', seconds: 2 },
  run: async (stage, note) => {
    const victim = await stage.untouchedPod('prod');
    const wanted = (await stage.pods('prod')).length;
    const restarts = () => stage.restarts('prod', victim.name);
    const address = async () => (await stage.find<Pod>('pods', 'prod', victim.name))?.status.podIP;
    const before = await restarts();
    const addressBefore = await address();
    await stage.cluster.signalPod(victim.uid, 'SIGKILL');
    const started = Date.now();
    note(`killed the process of ${victim.name}`);
    await until('the container started again', async () => (await restarts()) > before);
    await untilCapacity(stage, wanted, '');
    const capacity = (Date.now() - started) / 1000;
    note('as many pods are ready as before');
    await sleep(1000);
    const once = (await restarts()) === before + 1;
    return {
      figures: { 'killed → capacity': capacity },
      held: [
        { what: 'the container is started again, once', holds: once },
        // Its network goes with the pod's first process: that would be another failure than a crash.
        {
          what: 'the pod keeps its address',
          holds: addressBefore !== undefined && (await address()) === addressBefore,
        },
      ],
    };
  },
};

function untilCapacity({ pods }: Stage, wanted: number, without: string): Promise<number> {
  return until('as many ready pods as before', async () => {
    const ready = (await pods('prod')).filter(
      ({ name, ready, ending }) => ready && !ending && name !== without,
    );
    return ready.length >= wanted;
  });
}
