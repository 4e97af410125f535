import path from 'node:path';
import { until } from '../../until.ts';
import { isWhole, nodeOf, primary, underWriter } from '../database.ts';
import type { Drill, Outcome } from '../drill.ts';
import type { Pod, Stage } from '../stage.ts';
import type { Writer } from '../writer.ts';

const holds =
  'a standby takes over, no acknowledged row is lost or twice, reads go on, the old primary comes back as a standby';

export const dbFailoverPod: Drill = {
  name: 'db-failover-pod',
  environment: 'prod',
  cause: "the pod of the database's primary is deleted",
  holds,
  usually: '60 s',
  goal: { figure: 'longest without writes', seconds: 8 },
  elsewhere: { notes: 'until it is restored by hand: one pod' },
  run: (stage, note) =>
    failover(stage, note, async (victim) => {
      const options = ['--namespace=prod', '--wait=false'];
      await stage.kubectl(['delete', 'pod', victim, ...options]);
      note(`deleted ${victim}, the primary`);
    }),
};

export const dbFailoverProcess: Drill = {
  name: 'db-failover-process',
  environment: 'prod',
  cause:
    "the database's primary and what manages it are stopped, so that they answer nothing and keep their connections",
  holds: 'it is replaced or started again, no acknowledged row is lost or twice, and reads go on',
  embeddedOnly: true,
  usually: '90 s',
  goal: { figure: 'longest without writes', seconds: 30 },
  run: (stage, note) =>
    failover(
      stage,
      note,
      async (victim) => {
        const pod = await stage.find<Pod>('pods', 'prod', victim);
        const container = pod?.status.containerStatuses?.find(({ name }) => name === 'postgres');
        const id = path.basename(container?.containerID ?? '');
        await stage.cluster.signalPod(pod?.metadata.uid ?? '', 'SIGSTOP', id);
        note(`stopped Postgres and its manager in ${victim}, the primary`);
      },
      { inPlace: true },
    ),
};

export const dbFailoverNode: Drill = {
  name: 'db-failover-node',
  environment: 'prod',
  cause: "the node of the database's primary goes: cable pulled, every process killed; and comes back",
  holds,
  embeddedOnly: true,
  usually: '2 min',
  goal: { figure: 'longest without writes', seconds: 25 },
  run: async (stage, note) => {
    let node: string | undefined;
    try {
      return await failover(
        stage,
        note,
        async (victim) => {
          node = await nodeOf(stage, victim);
          await stage.cluster.loseNode(node);
          note(`${node} is lost, with ${victim}, the primary`);
        },
        {
          mend: async () => {
            await stage.cluster.returnNode(node ?? '');
            note(`${node} is plugged in again`);
          },
        },
      );
    } finally {
      if (node !== undefined) {
        await stage.cluster.returnNode(node);
        await stage.kubectl(['wait', `node/${node}`, '--for=condition=Ready', '--timeout=60s']);
      }
    }
  },
};

/**
 * Breaks the primary, waits until rows are written through another, lets `mend` follow, and waits for all three.
 * `inPlace`: the same may be started again before the operator takes another.
 */
async function failover(
  stage: Stage,
  note: (event: string) => number,
  breakPrimary: (pod: string) => Promise<void>,
  { mend = async () => {}, inPlace = false }: { mend?: () => Promise<void>; inPlace?: boolean } = {},
): Promise<Outcome> {
  const victim = await primary(stage);
  let begun = 0;
  let mended = 0;
  let taken = '';
  const { longestWithoutWrites, held } = await underWriter(stage, note, async (writer) => {
    await breakPrimary(victim);
    const from = writer.now();
    begun = Date.now();
    // Nothing is asked of the cluster meanwhile: kubectl, every moment, would take the CPU that the failover needs.
    await until('rows again', () => areAcknowledgedAgain(writer, from), 120);
    note(`rows are acknowledged again: ${await primary(stage)} is the primary`);
    await mend();
    mended = Date.now();
    await until('the old primary a standby', () => isWhole(stage), 180);
    taken = await primary(stage);
  });
  const now = Date.now();
  const back = (now - Math.max(begun, mended)) / 1000;
  return {
    figures: { 'longest without writes': longestWithoutWrites, 'broken or mended → whole': back },
    held: [
      ...held,
      { what: `another is the primary (${victim}, then ${taken})`, holds: inPlace || taken !== victim },
      { what: 'the old primary is a standby within two minutes', holds: back <= 120 },
    ],
  };
}

/** Whether a row that was sent after one that failed is acknowledged. */
function areAcknowledgedAgain({ writes }: Writer, from: number): boolean {
  const failed = writes.filter(({ status, at }) => status !== 201 && at > from);
  const first = Math.min(...failed.map(({ at }) => at));
  return writes.some(({ status, at }) => status === 201 && at > first);
}
