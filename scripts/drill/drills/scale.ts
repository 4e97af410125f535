import { until } from '../../until.ts';
import type { Drill } from '../drill.ts';
import { type Answer, isServed } from '../load.ts';

/** How many replicas dev is scaled to. */
const wanted = 3;

export const scale: Drill = {
  name: 'scale',
  environment: 'dev',
  cause: `Git asks for ${wanted} replicas in dev instead of 1`,
  holds: 'the new pods serve, all pods get traffic, and all give the same rows',
  usually: '20 s',
  goal: { figure: 'push → serving', seconds: 3 },
  elsewhere: { notes: '10 s', defaults: 'up to 3 min more: Argo CD polls Git' },
  run: async ({ clone, pods, url }, note, answers) => {
    const before = (await pods('dev')).length;
    if (before >= wanted) {
      throw new Error(
        `dev has ${before} pods already: in Git it has another count than this drill begins with`,
      );
    }
    await clone.edit('overlays/dev/kustomization.yaml', 'count: 1', `count: ${wanted}`);
    await clone.commit(`dev: ${wanted} replicas`);
    const started = note(`pushes: ${wanted} replicas`);
    await clone.push();
    note('pushed');
    // By the load's own answers: to ask more would take the CPU that the pods start on.
    const firsts = await untilServing(answers);
    note(`${wanted} pods serve`);
    const rows = await rowsByPod(url('dev'));
    const running = (await pods('dev')).filter(({ ready, ending }) => ready && !ending);
    return {
      figures: { 'push → serving': (Math.max(...firsts.values()) - started) / 1000 },
      held: [
        { what: `${wanted} pods are ready`, holds: running.length === wanted },
        { what: 'every pod gets traffic', holds: running.every(({ name }) => firsts.has(name)) },
        { what: 'every pod gives the same rows', holds: new Set(rows.values()).size === 1 },
      ],
    };
  },
};

/** When each pod first served, in milliseconds of the load, once as many as are wanted have. */
async function untilServing(answers: readonly Answer[]): Promise<Map<string, number>> {
  const firsts = new Map<string, number>();
  await until('answers by every pod', () => {
    for (const { pod, at, took } of answers.filter(isServed)) {
      firsts.set(pod, Math.min(at + took, firsts.get(pod) ?? Number.POSITIVE_INFINITY));
    }
    return firsts.size >= wanted;
  });
  return firsts;
}

/** How many rows each pod gives; which pod is asked is the edge's choice, so it is asked until all have been. */
async function rowsByPod(url: string): Promise<Map<string, number>> {
  const rows = new Map<string, number>();
  await until('the rows of every pod', async () => {
    const answer = await fetch(`${url}/api/quotes?limit=1`, { headers: { connection: 'close' } });
    const pod = answer.headers.get('x-served-by');
    const { total } = (await answer.json()) as { total: number };
    if (answer.ok && pod !== null) {
      rows.set(pod, total);
    }
    return rows.size >= wanted;
  });
  return rows;
}
