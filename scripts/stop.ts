import { run } from './cli.ts';
import { embeddedCluster } from './cluster/cluster.ts';
import { defaultClusterName } from './cluster/layout.ts';
import { runPlan } from './progress.ts';

const help = `
Usage: npm stop [-- --purge] [--name NAME]

Ends every process of the cluster and takes away its namespaces, mounts and cgroups. Its data stay: the next
"npm start" goes on where this one left off.

  --purge      delete its data too: databases, keys, logs, the git server's repository
  --name NAME  the cluster of that name (default: ${defaultClusterName})
`;

await run(
  { help, options: { purge: { type: 'boolean' }, name: { type: 'string' } } },
  async ({ purge = false, name = defaultClusterName }) => {
    const cluster = embeddedCluster(name);
    await runPlan([
      {
        title: `stopping "${name}"`,
        usually: '10 s',
        run: (report) => cluster.stop(report, { purge }),
      },
    ]);
    return 0;
  },
);
