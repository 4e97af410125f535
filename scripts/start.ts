import { CannotRun, run } from './cli.ts';
import { defaultClusterName } from './cluster/layout.ts';
import { startEmbedded } from './start/embedded.ts';
import { startOnContext } from './start/existing.ts';

const help = `
Usage: npm start [-- OPTIONS]

Brings up a three-node Kubernetes with Argo CD on this machine and deploys dev, staging and prod from this clone.
Run again at any time: what runs is left alone, what does not is mended.

  --name NAME     a cluster of that name beside others (default: ${defaultClusterName})
  --context NAME  use the cluster of that kubectl context; Argo CD deploys from the clone's origin
  --json          print {"name","urls","remote","kubeconfig"} on standard output when all is well
`;

await run(
  {
    help,
    options: { name: { type: 'string' }, context: { type: 'string' }, json: { type: 'boolean' } },
  },
  async ({ name, context, json = false }) => {
    if (name !== undefined && context !== undefined) {
      throw new CannotRun(
        '--name and --context exclude each other: the first starts a cluster, the second uses one.',
      );
    }
    await (context === undefined
      ? startEmbedded(name ?? defaultClusterName, json)
      : startOnContext(context, json));
    return 0;
  },
);
