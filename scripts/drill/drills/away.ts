import { setTimeout as sleep } from 'node:timers/promises';
import { until } from '../../until.ts';
import type { Drill, Held } from '../drill.ts';
import type { Deployment, Stage } from '../stage.ts';

/** How long each stays away, in milliseconds, unless it comes back by itself. */
const absence = 5000;

/** The count of dev's replicas as Git says it, changed to another while something is away. */
async function pushReplicas({ clone }: Stage): Promise<void> {
  await clone.edit('overlays/dev/kustomization.yaml', 'count: 1', 'count: 2');
  await clone.push('dev: two replicas');
}

function untilTwo({ find }: Stage): Promise<number> {
  return until('the push deployed', async () => {
    return (await find<Deployment>('deployments', 'dev', 'quote-app'))?.status.readyReplicas === 2;
  });
}

const caughtUp: Held = { what: 'what was pushed meanwhile is deployed', holds: true };

export const argocdAway: Drill = {
  name: 'argocd-away',
  environment: 'prod',
  cause: 'every pod of Argo CD is killed, and a push comes while it is away',
  holds: 'no request fails, Argo CD comes back by itself, and the push is deployed',
  usually: '60 s',
  run: async (stage, note) => {
    await stage.kubectl(['delete', 'pods', '--all', '--namespace=argocd', '--grace-period=0', '--force']);
    note('killed every pod of Argo CD');
    await pushReplicas(stage);
    note('pushed');
    const took = await untilTwo(stage);
    note('the push is deployed');
    return { figures: { 'pushed → deployed': took }, held: [caughtUp] };
  },
};

export const gitAway: Drill = {
  name: 'git-away',
  environment: 'prod',
  cause: 'the git server is killed, and comes back after five seconds',
  holds: 'no request fails, drift is healed meanwhile, and pushes are deployed after',
  embeddedOnly: true,
  usually: '40 s',
  run: async (stage, note) => {
    await stage.cluster.killComponent('git-server');
    try {
      note('killed the git server');
      await stage.kubectl(['delete', 'service/quote-app', '--namespace=dev']);
      const healed = await until('drift healed without Git', async () => {
        return (await stage.find('services', 'dev', 'quote-app')) !== undefined;
      });
      note(`a deleted Service healed in ${healed.toFixed(1)} s`);
      await sleep(absence);
    } finally {
      await stage.cluster.start(() => {});
    }
    note('the git server is back');
    await pushReplicas(stage);
    const took = await untilTwo(stage);
    note('a push is deployed');
    return {
      figures: { 'pushed → deployed': took },
      held: [{ what: 'drift is healed without Git', holds: true }, caughtUp],
    };
  },
};

export const registryAway: Drill = {
  name: 'registry-away',
  environment: 'prod',
  cause: 'the registry is killed, and a pod is deleted while it is away',
  holds: 'no request fails, and the pod is replaced from the image that its node has',
  embeddedOnly: true,
  usually: '30 s',
  run: async (stage, note) => {
    await stage.cluster.killComponent('registry');
    let took = 0;
    try {
      note('killed the registry');
      const victim = await stage.onePod('prod');
      const wanted = (await stage.pods('prod')).length;
      await stage.kubectl(['delete', 'pod', victim.name, '--namespace=prod', '--wait=false']);
      took = await until('as many pods as before', async () => {
        const ready = (await stage.pods('prod')).filter(({ name, ready }) => ready && name !== victim.name);
        return ready.length >= wanted;
      });
      note('a pod is replaced without the registry');
    } finally {
      await stage.cluster.start(() => {});
    }
    note('the registry is back');
    return {
      figures: { 'deleted → capacity': took },
      held: [{ what: 'a pod is replaced without it', holds: true }],
    };
  },
};
