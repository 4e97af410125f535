import { KubectlError } from '../../gitops/kubectl.ts';
import { readStatus } from '../../gitops/status.ts';
import { interruption, until } from '../../until.ts';
import { clusterKind, databaseOf, isHealthy } from '../database.ts';
import type { Drill } from '../drill.ts';
import type { Stage } from '../stage.ts';

const name = 'postgres-disk-full';
const mebibyte = 2 ** 20;

export const dbDiskFull: Drill = {
  name: 'db-disk-full',
  environment: 'prod',
  cause:
    "a database of its own, beside prod's, on a volume of 400 MiB is written to until the volume is full",
  holds:
    'status says so and what to do; with more room it comes back with every acknowledged row, and prod never notices',
  embeddedOnly: true,
  usually: '3 min',
  run: async (stage, note) => {
    const { kubectl, cluster } = stage;
    const volume = await cluster.smallVolume(name, 400 * mebibyte);
    try {
      await kubectl.apply([
        networkPolicy,
        persistentVolume(volume),
        database((await databaseOf(stage)).spec.imageName),
      ]);
      await until(`${name} up`, () => isHealthy(stage, 'prod', name), 180);
      note(`${name} is up`);
      const acknowledged = await fill(stage);
      note(`${acknowledged} rows of a mebibyte were acknowledged before the volume was full`);
      const full = Date.now();
      const told = await until('status to say so', async () => (await said(stage)) !== undefined, 120);
      note(`status: ${await said(stage)}`);
      await volume.enlarge();
      note('the volume is twice as large now');
      await until('it up again', () => isHealthy(stage, 'prod', name), 300);
      const back = (Date.now() - full) / 1000;
      note('it is up again');
      // To read a page is to check its checksum.
      const rows = await sql(stage, 'SELECT count(*) FROM filler WHERE length(data) = 1048576');
      return {
        figures: { 'full → told': told, 'full → up again': back },
        held: [
          {
            what: `each acknowledged row is there and whole (${acknowledged}, ${rows} found)`,
            holds: Number(rows) >= acknowledged,
          },
          { what: 'status says so no more', holds: (await said(stage)) === undefined },
        ],
      };
    } finally {
      // An interruption ends the waits above, and not those that put things back.
      interruption.over();
      await kubectl(['delete', clusterKind, name, '--namespace=prod', '--ignore-not-found', '--wait=false']);
      await until('its pod gone', async () => (await stage.find('pods', 'prod', pod)) === undefined, 60);
      await kubectl(['delete', 'persistentvolume', name, '--ignore-not-found']);
      await kubectl(['delete', 'networkpolicy', name, '--namespace=prod', '--ignore-not-found']);
      await volume.remove();
    }
  },
};

const pod = `${name}-1`;

function bash({ kubectl }: Stage, script: string): Promise<string> {
  return kubectl(['exec', pod, '--namespace=prod', '--container=postgres', '--', 'bash', '-c', script]);
}

function sql(stage: Stage, statement: string): Promise<string> {
  return bash(stage, `psql --dbname=app --no-align --tuples-only --command "${statement}"`);
}

/**
 * Adds rows of a mebibyte, a transaction each, until Postgres is gone; returns how many were acknowledged. Where the
 * volume has no room for a row there may be some for WAL, and Postgres ends only when there is none. Of the last ten it
 * is not known which were.
 */
async function fill(stage: Stage): Promise<number> {
  await sql(stage, 'CREATE TABLE filler (n integer PRIMARY KEY, data text)');
  // Stored as it is: compressed, it would be nothing.
  await sql(stage, 'ALTER TABLE filler ALTER data SET STORAGE EXTERNAL');
  const run = (statement: string) => `psql --dbname=app --quiet --command "${statement}" > /dev/null 2>&1`;
  const row = run("INSERT INTO filler VALUES ($n, repeat('x', 1048576))");
  const wal = run("SELECT pg_logical_emit_message(true, '', repeat('x', 1048576))");
  let acknowledged = 0;
  for (let first = 1; ; first += 10) {
    const rows = `for n in $(seq ${first} ${first + 9}); do ${row} && echo $n || ${wal} || exit 9; done`;
    try {
      acknowledged += (await bash(stage, rows)).split('\n').filter((line) => line !== '').length;
    } catch (error) {
      // The container ended, and the command in it.
      if (error instanceof KubectlError) {
        return acknowledged;
      }
      throw error;
    }
  }
}

async function said({ kubectl }: Stage): Promise<string | undefined> {
  const status = (await readStatus(kubectl, [])).find(({ environment }) => environment === 'prod');
  return status?.problems.find((problem) => problem.includes(`${name}: Not enough disk space`));
}

function persistentVolume({ node, path }: { node: string; path: string }): object {
  const onNode = { key: 'kubernetes.io/hostname', operator: 'In', values: [node] };
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name },
    spec: {
      capacity: { storage: '400Mi' },
      accessModes: ['ReadWriteOnce'],
      persistentVolumeReclaimPolicy: 'Retain',
      storageClassName: name,
      local: { path },
      nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions: [onNode] }] } },
    },
  };
}

/** What prod's default deny would keep from it: names, the API server, and the operator's question how it is. */
const networkPolicy = {
  apiVersion: 'networking.k8s.io/v1',
  kind: 'NetworkPolicy',
  metadata: { name, namespace: 'prod' },
  spec: {
    podSelector: { matchLabels: { 'cnpg.io/cluster': name } },
    policyTypes: ['Ingress', 'Egress'],
    ingress: [
      {
        from: [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'cnpg-system' } } }],
        ports: [{ port: 8000 }],
      },
    ],
    egress: [
      {
        to: [
          {
            namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'kube-system' } },
            podSelector: { matchLabels: { 'k8s-app': 'kube-dns' } },
          },
        ],
        ports: [
          { port: 53, protocol: 'UDP' },
          { port: 53, protocol: 'TCP' },
        ],
      },
      { ports: [{ port: 443 }, { port: 6443 }] },
    ],
  },
};

/** Kept to every rule that holds in prod. */
function database(imageName: string): object {
  const labels = { 'app.kubernetes.io/name': name, 'app.kubernetes.io/part-of': 'quotes' };
  return {
    apiVersion: 'postgresql.cnpg.io/v1',
    kind: 'Cluster',
    metadata: { name, namespace: 'prod', labels },
    spec: {
      instances: 1,
      imageName,
      affinity: { podAntiAffinityType: 'required', topologyKey: 'kubernetes.io/hostname' },
      smartShutdownTimeout: 0,
      stopDelay: 15,
      bootstrap: { initdb: { dataChecksums: true } },
      storage: { size: '400Mi', storageClass: name },
      priorityClassName: 'dev',
      postgresql: {
        // As where nothing takes the WAL away: an archive that fails, a standby that is gone.
        parameters: {
          max_wal_size: '64MB',
          min_wal_size: '32MB',
          wal_keep_size: '10GB',
          shared_buffers: '16MB',
        },
      },
      resources: {
        requests: { cpu: '50m', memory: '128Mi', 'ephemeral-storage': '32Mi' },
        limits: { cpu: '1', memory: '256Mi', 'ephemeral-storage': '512Mi' },
      },
      inheritedMetadata: { labels: { 'app.kubernetes.io/part-of': 'quotes' } },
    },
  };
}
