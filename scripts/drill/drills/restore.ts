import { setTimeout as sleep } from 'node:timers/promises';
import { CannotRun } from '../../cli.ts';
import { until } from '../../until.ts';
import { clusterKind, isHealthy, primary, sql } from '../database.ts';
import type { Drill } from '../drill.ts';
import type { Stage } from '../stage.ts';

/** Where it is restored to: a namespace of its own, which goes with all that is in it. */
const namespace = 'restore-drill';
const store = 'objectstore.barmancloud.cnpg.io';

export const restore: Drill = {
  name: 'restore',
  environment: 'prod',
  cause: 'a new Cluster is restored from the backups to a moment between two writes',
  holds: 'it has every row of before that moment and none of after, and prod goes on meanwhile',
  usually: '90 s',
  run: async (stage, note) => {
    const { kubectl } = stage;
    const author = `drill restore ${new Date().toISOString()}`;
    const onPrimary = async (statement: string) => sql(stage, await primary(stage), statement);
    try {
      await until('a base backup', () => hasBackup(stage), 180);
      const add = (text: string) =>
        `INSERT INTO quotes (text, author) SELECT '${text} ' || n, '${author}' FROM generate_series(1, 20) AS n`;
      await onPrimary(add('before'));
      // Recovery stops at the first commit after its target: a moment of nothing on either side of it.
      await sleep(1000);
      const [target = '', wanted = ''] = (await onPrimary(`SELECT now() || '|' || (${digest})`)).split('|');
      note(`wrote twenty rows; the moment is ${target}`);
      await sleep(1000);
      await onPrimary(add('after'));
      await onPrimary(`DELETE FROM quotes WHERE author = '${author}' AND text LIKE 'before %'`);
      note('wrote twenty rows more, and deleted the first twenty');
      await archived(stage);
      note('the WAL until then is in the object store');
      const started = Date.now();
      await kubectl.apply(await restored(stage, target));
      await until('the restored Cluster', () => isHealthy(stage, namespace, 'postgres'), 300);
      const took = (Date.now() - started) / 1000;
      note('it is restored');
      const pod = await primary(stage, namespace);
      const found = await sql(stage, pod, digest, namespace);
      const count = (text: string) =>
        sql(
          stage,
          pod,
          `SELECT count(*) FROM quotes WHERE author = '${author}' AND text LIKE '${text} %'`,
          namespace,
        );
      return {
        figures: { 'asked → restored': took },
        held: [
          { what: `it has the rows of that moment (${found})`, holds: found === wanted },
          { what: 'it has all that was written before', holds: (await count('before')) === '20' },
          { what: 'it has nothing that was written after', holds: (await count('after')) === '0' },
        ],
      };
    } finally {
      await kubectl(['delete', 'namespace', namespace, '--ignore-not-found', '--timeout=120s']);
      await onPrimary(`DELETE FROM quotes WHERE author = '${author}'`);
    }
  },
};

/** What tells one state of the rows from another. */
const digest =
  "SELECT count(*) || ' rows, ' || md5(string_agg(id || text || author, '\n' ORDER BY id)) FROM quotes";

async function hasBackup({ kubectl }: Stage): Promise<boolean> {
  type Backup = { spec: { cluster: { name: string } }; status?: { phase?: string } };
  const list = ['get', 'backups.postgresql.cnpg.io', '--namespace=prod'];
  const backups = (await kubectl.json<{ items: Backup[] }>(list))?.items ?? [];
  return backups.some(
    ({ spec, status }) => spec.cluster.name === 'postgres' && status?.phase === 'completed',
  );
}

/** Waits until all WAL of now is in the object store. */
async function archived(stage: Stage): Promise<void> {
  const pod = await primary(stage);
  const file = await sql(stage, pod, 'SELECT pg_walfile_name(pg_switch_wal())');
  const last = 'SELECT last_archived_wal FROM pg_stat_archiver';
  await until(`${file} archived`, async () => (await sql(stage, pod, last)) >= file, 60);
}

/** What a restored instance has in common with prod's. */
const alike = [
  'imageName',
  'storage',
  'resources',
  'affinity',
  'priorityClassName',
  'ephemeralVolumesSizeLimit',
  'inheritedMetadata',
  'smartShutdownTimeout',
  'stopDelay',
];

/** One instance, of the same make as prod's Cluster, out of its backups as of `target`, and what it needs. */
async function restored({ kubectl }: Stage, target: string): Promise<object[]> {
  type Spec = Record<string, unknown>;
  type Cluster = { spec: Spec & { plugins?: { name: string; parameters: { barmanObjectName: string } }[] } };
  type Store = { spec: Spec & { configuration: { s3Credentials?: { accessKeyId: { name: string } } } } };
  const live = await kubectl.json<Cluster>(['get', clusterKind, 'postgres', '--namespace=prod']);
  const [plugin] = live?.spec.plugins ?? [];
  if (live === undefined || plugin === undefined) {
    throw new CannotRun(
      'prod has no Cluster "postgres" with a plug-in for backups: there is nothing to restore.',
    );
  }
  const name = plugin.parameters.barmanObjectName;
  const backups = await kubectl.json<Store>(['get', store, name, '--namespace=prod']);
  const secret = backups?.spec.configuration.s3Credentials?.accessKeyId.name;
  const key = secret && (await kubectl.json<{ data: Spec }>(['get', 'secret', secret, '--namespace=prod']));
  const labels = { 'pod-security.kubernetes.io/enforce': 'restricted' };
  return [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace, labels } },
    ...(key
      ? [{ apiVersion: 'v1', kind: 'Secret', metadata: { name: secret, namespace }, data: key.data }]
      : []),
    {
      apiVersion: 'barmancloud.cnpg.io/v1',
      kind: 'ObjectStore',
      metadata: { name, namespace },
      // A restore reads: what is kept for how long is prod's to say.
      spec: { ...backups?.spec, retentionPolicy: undefined },
    },
    {
      apiVersion: 'postgresql.cnpg.io/v1',
      kind: 'Cluster',
      metadata: { name: 'postgres', namespace },
      spec: {
        ...Object.fromEntries(alike.map((field) => [field, live.spec[field]])),
        instances: 1,
        bootstrap: { recovery: { source: 'backups', recoveryTarget: { targetTime: target } } },
        externalClusters: [
          {
            name: 'backups',
            plugin: { name: plugin.name, parameters: { ...plugin.parameters, serverName: 'postgres' } },
          },
        ],
      },
    },
  ];
}
