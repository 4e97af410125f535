import { healthyPhase } from '../gitops/database-problems.ts';
import { until } from '../until.ts';
import type { Held } from './drill.ts';
import type { Pod, Stage } from './stage.ts';
import { compareRows, longestWithoutWrites, type Row, startWriter, type Writer } from './writer.ts';

/** CloudNativePG's kind, as kubectl takes it. */
export const clusterKind = 'cluster.postgresql.cnpg.io';

/** prod's Cluster, as base/postgres-ha names it. */
const cluster = { environment: 'prod', name: 'postgres' } as const;

/** A Cluster as the API has it: what drills read of it. */
type Cluster = {
  spec: { instances: number; imageName: string };
  status?: { phase?: string; readyInstances?: number; currentPrimary?: string; targetPrimary?: string };
};

/** prod's Cluster, or one in another namespace. @throws where there is none */
export async function databaseOf({ find }: Stage, namespace: string = cluster.environment): Promise<Cluster> {
  const found = await find<Cluster>('clusters', namespace, cluster.name);
  if (found === undefined) {
    throw new Error(`${namespace} has no Cluster ${cluster.name}`);
  }
  return found;
}

/** Rows a second that are written while a drill looks. */
const rate = 20;

/** The pod of prod's primary, as the operator says. */
export async function primary(stage: Stage, namespace?: string): Promise<string> {
  return (await databaseOf(stage, namespace)).status?.currentPrimary ?? '';
}

/** The node that a pod of prod's is on. */
export async function nodeOf({ find }: Stage, pod: string): Promise<string> {
  return (await find<Pod>('pods', cluster.environment, pod))?.spec.nodeName ?? '';
}

/** Whether the operator calls a Cluster healthy. */
export async function isHealthy({ find }: Stage, namespace: string, name: string): Promise<boolean> {
  return (await find<Cluster>('clusters', namespace, name))?.status?.phase === healthyPhase;
}

/** What a statement answers in an instance's own database, as superuser. */
export function sql(
  { kubectl }: Stage,
  pod: string,
  statement: string,
  namespace: string = cluster.environment,
): Promise<string> {
  const psql = ['psql', '--dbname=quotes', '--no-align', '--tuples-only', '--command', statement];
  return kubectl(['exec', pod, `--namespace=${namespace}`, '--container=postgres', '--', ...psql]);
}

/** As `sql`, on whatever is the primary then, asked again where it goes away meanwhile. */
async function onPrimary(stage: Stage, statement: string): Promise<string> {
  let answer: string | undefined;
  await until('the primary to answer', async () => {
    answer = await sql(stage, await primary(stage), statement).catch(() => undefined);
    return answer !== undefined;
  });
  return answer ?? '';
}

/** Whether all instances are ready and both standbys receive what the primary writes. */
export async function isWhole(stage: Stage): Promise<boolean> {
  const {
    spec: { instances },
    status = {},
  } = await databaseOf(stage);
  const { phase, readyInstances, currentPrimary = '', targetPrimary } = status;
  if (phase !== healthyPhase || readyInstances !== instances || currentPrimary !== targetPrimary) {
    return false;
  }
  const streaming = "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'";
  const standbys = await sql(stage, currentPrimary, streaming).catch(() => '0');
  return Number(standbys) === instances - 1;
}

/** What came of a failure of the database under a writer. Figures are seconds. */
export type Survived = {
  longestWithoutWrites: number;
  held: Held[];
};

/**
 * Writes rows through the service while `cause` breaks something and until the database is whole again, and then holds
 * each instance's rows against what the writer was told. The rows are taken away in the end.
 */
export async function underWriter(
  stage: Stage,
  note: (event: string) => number,
  cause: (writer: Writer) => Promise<void>,
): Promise<Survived> {
  await until('the database whole', () => isWhole(stage), 120);
  const writer = startWriter(stage.url(cluster.environment), rate);
  try {
    return await watched(stage, note, writer, cause);
  } finally {
    await writer.stop();
    // Also what an interrupted run of a drill before left.
    await onPrimary(stage, "DELETE FROM quotes WHERE author LIKE 'drill %'");
  }
}

async function watched(
  stage: Stage,
  note: (event: string) => number,
  writer: Writer,
  cause: (writer: Writer) => Promise<void>,
): Promise<Survived> {
  try {
    await until(
      'rows acknowledged',
      () => writer.writes.filter(({ status }) => status === 201).length > rate,
    );
    await cause(writer);
    await until('the database whole again', () => isWhole(stage), 180);
    note('three instances are ready, and both standbys stream');
  } finally {
    await writer.stop();
  }
  const acknowledged = writer.writes.filter(({ status }) => status === 201).length;
  note(`${acknowledged} of ${writer.writes.length} rows were acknowledged`);
  const instances = (await stage.pods(cluster.environment, 'postgres')).map(({ name }) => name);
  const held: Held[] = [];
  for (const instance of instances) {
    const rows = await caughtUp(stage, instance, writer);
    const { lost, duplicated } = compareRows(writer.writes, rows);
    held.push({
      what: `${instance} has every acknowledged row once (${lost.length} lost, ${duplicated.length} twice)`,
      holds: lost.length === 0 && duplicated.length === 0,
    });
  }
  return { longestWithoutWrites: longestWithoutWrites(writer.writes), held };
}

/** The writer's rows in an instance once it has replayed what the primary has. */
async function caughtUp(stage: Stage, instance: string, { author }: Writer): Promise<Row[]> {
  const select = `SELECT coalesce(json_agg(json_build_object('id', id, 'text', text)), '[]') FROM quotes WHERE author = '${author}'`;
  const wanted = (JSON.parse(await onPrimary(stage, select)) as Row[]).length;
  let found: Row[] = [];
  // A standby that never catches up is judged by what it has.
  const hasAll = async () => {
    const answer = await sql(stage, instance, select).catch(() => '[]');
    found = JSON.parse(answer) as Row[];
    return found.length === wanted;
  };
  await until(`the rows of ${instance}`, hasAll, 15).catch(() => {});
  return found;
}
