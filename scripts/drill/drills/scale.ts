import { until } from '../../until.ts';
import type { Drill } from '../drill.ts';

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
  run: async ({ clone, pods, url }, note) => {
    const before = (await pods('dev')).length;
    if (before >= wanted) {
      throw new Error(
        `dev has ${before} pods already: in Git it has another count than this drill begins with`,
      );
    }
    await clone.edit('overlays/dev/kustomization.yaml', 'count: 1', `count: ${wanted}`);
    const started = Date.now();
    await clone.push(`dev: ${wanted} replicas`);
    note(`pushed: ${wanted} replicas`);
    const seen = new Map<string, number>();
    const ask = async () => {
      const answer = await fetch(`${url('dev')}/api/quotes?limit=1`, { headers: { connection: 'close' } });
      const { total } = (await answer.json()) as { total: number };
      const pod = answer.headers.get('x-served-by');
      if (pod !== null) {
        seen.set(pod, total);
      }
    };
    // As many at once as there are pods: one by one, it is luck which pod is asked next.
    await until('answers by every pod', async () => {
      await Promise.all(Array.from({ length: wanted }, ask));
      return seen.size === wanted;
    });
    const serving = (Date.now() - started) / 1000;
    note(`${wanted} pods serve`);
    const running = (await pods('dev')).filter(({ ready, ending }) => ready && !ending);
    return {
      figures: { 'push → serving': serving },
      held: [
        { what: `${wanted} pods are ready`, holds: running.length === wanted },
        { what: 'every pod gets traffic', holds: running.every(({ name }) => seen.has(name)) },
        { what: 'every pod gives the same rows', holds: new Set(seen.values()).size === 1 },
      ],
    };
  },
};
