import { existsSync } from 'node:fs';
import path from 'node:path';
import { serve } from '@hono/node-server';
import { CannotRun, run } from './cli.ts';
import { readPorts } from './cluster/gateway/gateway.ts';
import { repositoryFolder } from './cluster/git-server/git-server.ts';
import { clusterLayout, defaultClusterName } from './cluster/layout.ts';
import { clusterReference } from './cluster-reference.ts';
import { drillsFolder } from './drill/kept-runs.ts';
import type { ClusterReference } from './gitops/kubectl.ts';
import { repoRoot } from './paths.ts';
import type { StatusSource } from './release/commit-statuses.ts';
import { statusesHelp, statusSource } from './release/status-source.ts';
import { statusPageKubeconfig } from './status-page/kubeconfig.ts';
import { createMetrics } from './status-page/metrics.ts';
import { fromPod, throughApi } from './status-page/pod-metrics.ts';
import { createApp } from './status-page/server.ts';
import { PageSource, type SourceSettings } from './status-page/source.ts';
import { type Api, apiOf } from './watch/api.ts';

const help = `
Usage: npm run status-page -- [--listen ADDRESS:PORT] [--host NAME ...] [--json] [--name NAME | --context NAME]

Serves the status page: the environments side by side, live, read-only. "npm start" does so for its cluster; this is for
a cluster of your own, or for another address. Ends when it is interrupted.

  --listen ADDRESS:PORT  where it listens (default: 127.0.0.1:7000). Beyond 127.0.0.1 whoever reaches it may read it
  --host NAME            a name under which it is asked for, besides 127.0.0.1 and localhost; '*' for any
${statusesHelp}
  --in-cluster           the cluster whose pod this is, with the rights of the pod's ServiceAccount
  --json                 print {"url"} on standard output when it listens
  --name NAME            the embedded cluster of that name (default: ${defaultClusterName})
  --context NAME         the cluster of that kubectl context

Exit code: 0 it was ended, 2 it cannot run.
`;

await run(
  {
    help,
    options: {
      listen: { type: 'string' },
      host: { type: 'string', multiple: true },
      'in-cluster': { type: 'boolean' },
      statuses: { type: 'string' },
      json: { type: 'boolean' },
      name: { type: 'string' },
      context: { type: 'string' },
    },
  },
  async ({
    listen = '127.0.0.1:7000',
    host = [],
    json = false,
    'in-cluster': inCluster = false,
    ...choice
  }) => {
    if (choice.name !== undefined && choice.context !== undefined) {
      throw new CannotRun('--name and --context exclude each other: which cluster is it?');
    }
    const [, address = '', port = ''] = /^(.+):(\d{1,5})$/.exec(listen) ?? [];
    if (address === '' || Number(port) > 65_535) {
      throw new CannotRun(`--listen ${listen}: expected an address and a port, such as 127.0.0.1:7000.`);
    }
    const api = apiOf(inCluster ? {} : readerOf(choice));
    const settings = inCluster
      ? insideSettings(await statusSource(repoRoot, choice))
      : await settingsOf(api, choice);
    const source = new PageSource(api, settings);
    const layout = inCluster || choice.context !== undefined ? undefined : layoutOf(choice.name);
    const metrics = createMetrics(source, {
      ...(existsSync(path.join(repoRoot, 'policies')) && { root: repoRoot }),
      ...(layout !== undefined && { pki: layout.pki }),
    });
    const bare = address.replace(/^\[|\]$/g, '');
    const hosts = ['127.0.0.1', 'localhost', '::1', bare, ...host];
    const { fetch } = createApp(source, metrics, { drills: settings.drills, hosts });
    const ended = Promise.withResolvers<number>();
    const server = serve({ fetch, hostname: bare, port: Number(port) }, ({ port }) => {
      const url = `http://${address}:${port}/`;
      process.stdout.write(json ? `${JSON.stringify({ url })}\n` : `the status page: ${url}\n`);
    });
    server.on('error', (error: NodeJS.ErrnoException) => {
      ended.reject(
        new CannotRun(
          `--listen ${listen} cannot be had (${error.code}): ${
            error.code === 'EADDRINUSE'
              ? 'end what uses it, or say another port'
              : 'say an address of this machine'
          }.`,
        ),
      );
    });
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.once(signal, () => ended.resolve(0));
    }
    await Promise.race([source.start(), ended.promise]);
    const code = await ended.promise;
    source.stop();
    return code;
  },
);

/** The cluster by the rights that the page has there: of an embedded one those that `npm start` gave it. */
function readerOf(choice: { name?: string | undefined; context?: string | undefined }): ClusterReference {
  const reference = clusterReference(choice);
  if (choice.context !== undefined) {
    return reference;
  }
  const kubeconfig = statusPageKubeconfig(layoutOf(choice.name));
  if (!existsSync(kubeconfig)) {
    throw new CannotRun('This cluster was started before it had a status page: "npm start" gives it one.');
  }
  return { kubeconfig };
}

function layoutOf(name: string | undefined) {
  return clusterLayout(name ?? defaultClusterName);
}

async function settingsOf(
  api: Api,
  choice: {
    name?: string | undefined;
    context?: string | undefined;
  },
): Promise<SourceSettings> {
  const statuses = await statusSource(repoRoot, choice);
  const known = statuses === undefined ? {} : { statuses };
  if (choice.context !== undefined) {
    const { context } = choice;
    const drills = drillsFolder(context);
    return {
      cluster: context,
      urls: {},
      repositories: [repoRoot],
      drills,
      readPod: throughApi(api),
      audit: ['--context', context],
      ...known,
    };
  }
  const layout = layoutOf(choice.name);
  const ports = await readPorts(layout);
  const url = (port: number) => `http://127.0.0.1:${port}/`;
  return {
    cluster: layout.name,
    urls:
      ports === undefined ? {} : { dev: url(ports.dev), staging: url(ports.staging), prod: url(ports.prod) },
    repositories: [repositoryFolder(layout), repoRoot],
    drills: drillsFolder(layout.name),
    readPod: throughApi(api),
    heals: path.join(layout.state, 'heals.json'),
    audit: ['--name', layout.name],
    ...known,
  };
}

/** Where there is no clone, the forge is asked about commits. */
function insideSettings(statuses: StatusSource | undefined): SourceSettings {
  return {
    cluster: 'this cluster',
    urls: {},
    repositories: [],
    drills: '/nowhere',
    readPod: fromPod,
    ...(statuses !== undefined && { statuses }),
  };
}
