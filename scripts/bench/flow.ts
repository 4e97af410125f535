import { type Rehearsal, rehearse } from '../rehearsal.ts';
import { until } from '../until.ts';
import { quantile } from './quantile.ts';

/**
 * Pushes, and makes drift, that many times on a new cluster. Returns the seconds of each. What it asks with, a
 * kubectl every tenth of a second, is in them.
 */
export async function benchFlow(rounds: number): Promise<Record<string, number[]>> {
  const on = await rehearse('bench');
  const series = {
    'push → Synced': [] as number[],
    'push → all ready': [] as number[],
    'changed field → healed': [] as number[],
    'deleted object → healed': [] as number[],
  };
  try {
    for (let round = 0; round < rounds; round += 1) {
      process.stderr.write(`round ${round + 1} of ${rounds} (usually 15 s)\n`);
      const { synced, ready } = await push(on, round);
      series['push → Synced'].push(synced);
      series['push → all ready'].push(ready);
      series['changed field → healed'].push(await changeField(on));
      series['deleted object → healed'].push(await deleteObject(on));
    }
  } catch (error) {
    process.stderr.write(`${await on.evidence()}\n`);
    throw error;
  } finally {
    await on.end();
  }
  return series;
}

/** Another count of replicas for staging: 2, 3, 2, … */
async function push(on: Rehearsal, round: number): Promise<{ synced: number; ready: number }> {
  const count = round % 2 === 0 ? 3 : 2;
  await on.edit('overlays/staging/kustomization.yaml', /count: \d/, `count: ${count}`);
  const started = Date.now();
  const commit = await on.push(`staging: ${count} replicas`);
  await until(`round ${round + 1}: Synced to ${commit}`, async () => {
    const sync = await on.field(
      'argocd',
      'application/staging',
      '{.status.sync.status} {.status.sync.revision}',
    );
    return sync === `Synced ${commit}`;
  });
  const synced = (Date.now() - started) / 1000;
  await until(`round ${round + 1}: ${count} ready`, async () => {
    const counts = '{.status.replicas} {.status.readyReplicas}';
    return (await on.field('staging', 'deployment/quote-app', counts)) === `${count} ${count}`;
  });
  return { synced, ready: (Date.now() - started) / 1000 };
}

async function changeField(on: Rehearsal): Promise<number> {
  await on.kubectl(['scale', 'deployment/quote-app', '--namespace=dev', '--replicas=4']);
  return until('the count healed', async () => {
    return (await on.field('dev', 'deployment/quote-app', '{.spec.replicas}')) === '1';
  });
}

async function deleteObject(on: Rehearsal): Promise<number> {
  await on.kubectl(['delete', 'service/quote-app', '--namespace=dev']);
  return until('the Service healed', async () => {
    return (await on.field('dev', 'service/quote-app', '{.metadata.name}')) === 'quote-app';
  });
}

/** A line for each series: rounds, median, 95th percentile and worst. */
export function flowTable(series: Record<string, number[]>): string {
  const row = (...cells: string[]) => cells.map((cell, index) => cell.padEnd(index === 0 ? 26 : 9)).join('');
  const lines = Object.entries(series).map(([name, seconds]) => {
    const at = (share: number) => `${quantile(seconds, share).toFixed(2)} s`;
    return row(name, String(seconds.length), at(0.5), at(0.95), at(1));
  });
  return [row('', 'rounds', 'median', 'p95', 'worst'), ...lines].join('\n').replaceAll(/ +$/gm, '');
}
