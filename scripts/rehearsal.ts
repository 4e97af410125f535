import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { execa } from 'execa';
import { CannotRun } from './cli.ts';
import { embeddedCluster } from './cluster/cluster.ts';
import { clusterLayout } from './cluster/layout.ts';
import type { Environment } from './environment.ts';
import { type Kubectl, kubectlFor } from './gitops/kubectl.ts';
import type { EnvironmentStatus } from './gitops/status.ts';
import { type WorkingClone, workingClone } from './gitops/working-clone.ts';
import { repoRoot } from './paths.ts';

/** A cluster of its own, begun from nothing, and a clone to push to it from: to test and to measure on. */
export interface Rehearsal {
  cluster: string;
  urls: Record<Environment | 'statusPage' | 'git' | 'registry', string>;
  kubectl: Kubectl;
  /** The clone's folder. */
  clone: string;
  edit: WorkingClone['edit'];
  push: WorkingClone['push'];
  revert: WorkingClone['revert'];
  status(environment: string): Promise<EnvironmentStatus>;
  field: Kubectl['field'];
  /** Runs one of this repository's commands on the cluster; returns its standard output. */
  command(verb: string, ...args: string[]): Promise<string>;
  /** Kills one of the cluster's components, without asking. */
  killComponent(component: string): Promise<void>;
  /** What happened last, as its components tell it: for whoever looks into a failure. */
  evidence(): Promise<string>;
  /** Stops the cluster and deletes everything of it, and the clone. */
  end(): Promise<void>;
}

/** Starts a cluster of that name from nothing: one that is there is purged first. */
export async function rehearse(cluster: string): Promise<Rehearsal> {
  const command = async (verb: string, ...args: string[]): Promise<string> => {
    const run = [path.join(repoRoot, 'scripts/run.mjs'), verb, '--name', cluster, ...args];
    const result = await execa(process.execPath, run, { stdin: 'ignore', stderr: 'inherit', reject: false });
    if (result.failed && result.exitCode !== 1) {
      throw new CannotRun(`"npm run ${verb} -- --name ${cluster}" could not run: see above.`);
    }
    return result.stdout;
  };
  await command('stop', '--purge');
  const started = JSON.parse(await command('start', '--json')) as {
    urls: Rehearsal['urls'];
    kubeconfig: string;
  };
  const clone = await workingClone(started.urls.git, cluster);
  const kubectl = await kubectlFor({ kubeconfig: started.kubeconfig });
  return {
    cluster,
    urls: started.urls,
    kubectl,
    clone: clone.folder,
    command,
    edit: clone.edit,
    push: clone.push,
    revert: clone.revert,
    status: async (environment) => {
      const statuses = JSON.parse(await command('status', '--json')) as EnvironmentStatus[];
      const found = statuses.find((candidate) => candidate.environment === environment);
      if (found === undefined) {
        throw new CannotRun(`"npm run status" knows no environment "${environment}".`);
      }
      return found;
    },
    field: kubectl.field,
    killComponent: embeddedCluster(cluster).killComponent,
    evidence: async () => {
      const log = path.join(clusterLayout(cluster).logs, 'git-server.log');
      const tail = async (workload: string) => {
        const said = await kubectl(['logs', workload, '--namespace=argocd', '--since=4m']);
        const lines = said.split('\n').filter((line) => /webhook|[Rr]efresh|sync|rror/.test(line));
        return [`--- ${workload}`, ...lines.slice(-60)];
      };
      return [
        await command('status'),
        `--- ${log}`,
        ...(await readFile(log, 'utf8')).split('\n').slice(-20),
        ...(await tail('deployment/argocd-server')),
        ...(await tail('deployment/argocd-application-controller')),
      ].join('\n');
    },
    end: async () => {
      await command('stop', '--purge');
      await clone.remove();
    },
  };
}
