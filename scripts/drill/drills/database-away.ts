import { until } from '../../until.ts';
import type { Drill } from '../drill.ts';

export const databaseAway: Drill = {
  name: 'database-away',
  environment: 'staging',
  cause: 'the Postgres pod is killed',
  holds:
    '503 while it is away and no longer, the pods stay ready, the service recovers by itself, no row is lost',
  usually: '30 s',
  goal: { figure: 'killed → serving', seconds: 5 },
  run: async ({ kubectl, pods, url }, note) => {
    const rows = async () => {
      const answer = await fetch(`${url('staging')}/api/quotes?limit=1`);
      return { answer, total: answer.ok ? ((await answer.json()) as { total: number }).total : undefined };
    };
    const before = (await rows()).total;
    const [database] = await pods('staging', 'postgres');
    let retryAfter = true;
    let unready = false;
    // Not --force: that would let a second Postgres begin on the volume before the first has ended.
    await kubectl([
      'delete',
      'pod',
      database?.name ?? '',
      '--namespace=staging',
      '--grace-period=1',
      '--wait=false',
    ]);
    const started = Date.now();
    const killed = note('killed the Postgres pod');
    await until('rows of another pod', async () => {
      const { answer, total } = await rows();
      if (answer.status === 503) {
        retryAfter &&= answer.headers.has('retry-after');
      }
      unready ||= (await pods('staging')).some(({ ready, ending }) => !ready && !ending);
      const replaced = (await pods('staging', 'postgres')).some(
        ({ uid, ready }) => ready && uid !== database?.uid,
      );
      return replaced && total !== undefined;
    });
    const serving = (Date.now() - started) / 1000;
    const back = note('rows again');
    return {
      // A second for what was under way, and for what the other pods still held of the old one.
      mayFail: ({ status, at }) => status === 503 && at > killed - 1000 && at < back + 1000,
      figures: { 'killed → serving': serving },
      held: [
        { what: 'each 503 says when to ask again', holds: retryAfter },
        { what: 'the pods of the service stay ready', holds: !unready },
        { what: 'no row is lost', holds: (await rows()).total === before },
      ],
    };
  },
};
