import { setTimeout as sleep } from 'node:timers/promises';
import { run } from './cli.ts';
import { repositoryFolder } from './cluster/git-server/git-server.ts';
import { clusterLayout, defaultClusterName } from './cluster/layout.ts';
import { clusterReference } from './cluster-reference.ts';
import { colour, columns, shorten, span } from './columns.ts';
import { kubectlFor } from './gitops/kubectl.ts';
import { type EnvironmentStatus, isFine, readStatus } from './gitops/status.ts';
import { repoRoot } from './paths.ts';

const help = `
Usage: npm run status -- [--json] [--watch] [--name NAME | --context NAME]

What each environment runs: sync, health, revision, image, replicas, nodes, last heal.

  --json          one JSON array instead of the table
  --watch         again every two seconds, until interrupted
  --name NAME     the embedded cluster of that name (default: ${defaultClusterName})
  --context NAME  the cluster of that kubectl context

Exit code: 0 everything Synced and Healthy, 1 something is not, 2 the cluster cannot be asked.
`;

await run(
  {
    help,
    options: {
      json: { type: 'boolean' },
      watch: { type: 'boolean' },
      name: { type: 'string' },
      context: { type: 'string' },
    },
  },
  async ({ json, watch, name, context }) => {
    const kubectl = await kubectlFor(clusterReference({ name, context }));
    const repositories = [repositoryFolder(clusterLayout(name ?? defaultClusterName)), repoRoot];
    for (;;) {
      const statuses = await readStatus(kubectl, repositories);
      const text = json === true ? JSON.stringify(statuses, null, 2) : report(statuses);
      const clear = watch === true && json !== true && process.stdout.isTTY === true ? '\x1b[2J\x1b[H' : '';
      process.stdout.write(`${clear}${text}\n`);
      if (watch !== true) {
        return statuses.every(isFine) ? 0 : 1;
      }
      await sleep(2000);
    }
  },
);

function report(statuses: EnvironmentStatus[]): string {
  const head = ['ENVIRONMENT', 'SYNC', 'HEALTH', 'REVISION', 'AGE', 'READY', 'NODES', 'IMAGE', 'LAST HEAL'];
  const rows = statuses.map((status) => [
    status.environment,
    colour(status.sync, status.sync === 'Synced'),
    colour(status.health, status.health === 'Healthy'),
    `${status.revision?.slice(0, 7) ?? '-'} ${shorten(status.subject ?? '', 40)}`.trim(),
    ago(status.committed),
    `${status.replicas.ready}/${status.replicas.wanted}`,
    status.nodes.join(',') || '-',
    shortImage(status.image),
    status.lastHeal === undefined ? '-' : `${ago(status.lastHeal)} ago`,
  ]);
  const problems = statuses.flatMap(({ environment, problems }) =>
    problems.map((problem) => `${environment}: ${problem}`),
  );
  return [...columns([head, ...rows]), ...problems].join('\n');
}

/** The image without its registry, and the digest's first characters. */
function shortImage(image: string | undefined): string {
  return (
    image
      ?.split('/')
      .at(-1)
      ?.replace(/(sha256:.{8}).*/, '$1') ?? '-'
  );
}

function ago(time: string | undefined): string {
  return time === undefined ? '-' : span(Date.now() - Date.parse(time));
}
