import { setTimeout as sleep } from 'node:timers/promises';
import { quantile } from '../../bench/quantile.ts';
import { until } from '../../until.ts';
import type { Drill } from '../drill.ts';
import type { Deployment, Stage } from '../stage.ts';

/** Ways to change dev by hand, each with what tells that it is put right. */
type Way = { what: string; cause: string[]; input?: object; healed: (stage: Stage) => Promise<boolean> };

const ways: Way[] = [
  {
    what: 'scaled',
    cause: ['scale', 'deployment/quote-app', '--replicas=2'],
    healed: async (stage) => (await deployment(stage))?.spec.replicas === 1,
  },
  {
    what: 'deleted',
    cause: ['delete', 'service/quote-app'],
    healed: async (stage) => (await service(stage)) !== undefined,
  },
  {
    what: 'edited',
    cause: ['set', 'env', 'deployment/quote-app', 'PGHOST=elsewhere'],
    healed: async (stage) => {
      const { env } = (await deployment(stage))?.spec.template.spec.containers[0] ?? {};
      return env?.find(({ name }) => name === 'PGHOST')?.value === 'postgres-rw';
    },
  },
  {
    what: 'labelled',
    cause: ['label', 'service/quote-app', 'app.kubernetes.io/name=other', '--overwrite'],
    healed: async (stage) =>
      (await service(stage))?.metadata.labels?.['app.kubernetes.io/name'] === 'quote-app',
  },
  {
    what: 'added',
    cause: ['create', '--filename=-'],
    input: {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: {
        name: 'by-hand',
        namespace: 'dev',
        // What says whose an object is: with it, it is the Application's; without it nobody's, and stays.
        annotations: { 'argocd.argoproj.io/tracking-id': 'dev:/ConfigMap:dev/by-hand' },
      },
    },
    healed: async ({ find }) => (await find('configmaps', 'dev', 'by-hand')) === undefined,
  },
];

const deployment = ({ find }: Stage) => find<Deployment>('deployments', 'dev', 'quote-app');

type Service = { metadata: { labels?: Record<string, string> } };
const service = ({ find }: Stage) => find<Service>('services', 'dev', 'quote-app');

const rounds = 4;

export const drift: Drill = {
  name: 'drift',
  environment: 'dev',
  cause: `dev is changed by hand ${rounds * ways.length} times on one revision`,
  holds: 'each is healed, and the last as soon as the first',
  usually: '60 s',
  goal: { figure: 'drift → healed, median', seconds: 1 },
  elsewhere: { defaults: '2, 6, 18 … 300 s on one revision: the back-off of selfHeal' },
  run: async (stage, note) => {
    const times: number[] = [];
    for (let round = 0; round < rounds; round += 1) {
      for (const { what, cause, input, healed } of ways) {
        await stage.kubectl([...cause, '--namespace=dev'], input && JSON.stringify(input));
        const took = await until(`what was ${what} healed`, () => healed(stage));
        times.push(took);
        note(`${what}, healed in ${took.toFixed(1)} s`);
        await sleep(500);
      }
    }
    const half = times.length / 2;
    const [early, late] = [quantile(times.slice(0, half), 0.5), quantile(times.slice(half), 0.5)];
    return {
      // A deleted Service and a changed database host take dev's one pod away: that is the drift's doing.
      mayFail: () => true,
      figures: {
        'drift → healed, median': quantile(times, 0.5),
        'drift → healed, worst': quantile(times, 1),
      },
      held: [{ what: 'healing does not grow slower', holds: late < early * 3 + 2 }],
    };
  },
};
