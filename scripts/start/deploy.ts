import { setTimeout as sleep } from 'node:timers/promises';
import { CannotRun } from '../cli.ts';
import { environments } from '../environment.ts';
import type { Kubectl } from '../gitops/kubectl.ts';
import { type EnvironmentStatus, isFine, readStatus } from '../gitops/status.ts';

interface Application {
  metadata: { name: string };
  spec?: { source?: { repoURL: string } };
  status?: {
    sync?: { status?: string; revision?: string };
    health?: { status?: string };
    conditions?: { type: string; message?: string }[];
    reconciledAt?: string;
  };
}

/** Every Application of Argo CD. */
export async function listApplications(kubectl: Kubectl): Promise<Application[]> {
  const list = ['get', 'applications.argoproj.io', '--namespace=argocd'];
  return (await kubectl.json<{ items: Application[] }>(list))?.items ?? [];
}

/** Waits until every environment is Synced and Healthy. @throws {CannotRun} saying what is not, and why */
export async function untilAllWell(
  kubectl: Kubectl,
  repositories: string[],
  seconds: number,
  report: (doing: string) => void,
): Promise<void> {
  const deadline = Date.now() + seconds * 1000;
  for (let round = 0; ; round += 1) {
    // One kubectl a second and no more: what asks takes CPU from what it waits for.
    const applications = await listApplications(kubectl);
    const states = environments.map((environment) => {
      const status = applications.find(({ metadata }) => metadata.name === environment)?.status;
      return {
        environment,
        sync: status?.sync?.status ?? 'not',
        health: status?.health?.status ?? 'there yet',
      };
    });
    if (states.every(isFine)) {
      return;
    }
    report(states.map(({ environment, sync, health }) => `${environment} ${sync} ${health}`).join(', '));
    if (Date.now() > deadline) {
      const statuses = await readStatus(kubectl, repositories);
      const root = applications.filter(({ metadata }) => metadata.name === 'root').map(describeRoot);
      throw new CannotRun(
        `Not everything is well after ${seconds} s:\n${[...root, ...statuses.map(describe)].join('\n')}\n` +
          'docs/operations.md says what to do. "npm run status -- --watch" follows it further.',
      );
    }
    if (round % 2 === 1) {
      await askAgain(kubectl, applications);
    }
    await sleep(1000);
  }
}

/**
 * Has Argo CD compare the root, and then what the root lists, with Git as it is now, so that what it says next is not of
 * before: an Application keeps saying Synced until it has looked again. Waits a minute at most.
 */
export async function untilCompared(kubectl: Kubectl, report: (doing: string) => void): Promise<void> {
  for (const names of [['root'], [...environments]]) {
    // Argo CD writes whole seconds.
    const since = Math.floor(Date.now() / 1000) * 1000;
    const deadline = Date.now() + 60_000;
    for (let waiting = names; waiting.length > 0 && Date.now() < deadline; await sleep(1000)) {
      report(`Argo CD to compare ${waiting.join(', ')}`);
      const applications = await listApplications(kubectl);
      waiting = names.filter((name) => {
        const { status } = applications.find(({ metadata }) => metadata.name === name) ?? {};
        return Date.parse(status?.reconciledAt ?? '1970-01-01') <= since;
      });
      const there = waiting.filter((name) => applications.some(({ metadata }) => metadata.name === name));
      for (const name of there) {
        await refresh(kubectl, name);
      }
    }
  }
}

function describe({ environment, sync, health, problems }: EnvironmentStatus): string {
  return [`- ${environment}: ${sync}, ${health}`, ...problems.map((problem) => `  ${problem}`)].join('\n');
}

/** What the Application says that makes the others: without them, it is where to look. */
function describeRoot({ status }: Application): string {
  const said = (status?.conditions ?? []).map(({ type, message }) => `  ${type}: ${message ?? ''}`);
  const [sync, health] = [status?.sync?.status ?? 'not compared', status?.health?.status ?? 'unknown'];
  return [`- root: ${sync}, ${health}`, ...said].join('\n');
}

/**
 * Argo CD keeps a failed comparison, as from a repo-server that was not up yet, for two minutes unless asked, and a render
 * that failed thrice, as while upstream could not be reached, for an hour unless asked hard.
 */
async function askAgain(kubectl: Kubectl, applications: Application[]): Promise<void> {
  for (const { metadata, status } of applications) {
    if (status?.conditions?.some(({ type }) => type.endsWith('Error')) === true) {
      await refresh(kubectl, metadata.name, 'hard');
    }
  }
}

/** Has Argo CD look at Git for an Application now; `hard` lets it forget what it rendered. */
export async function refresh(
  kubectl: Kubectl,
  application: string,
  how: 'normal' | 'hard' = 'normal',
): Promise<void> {
  const annotation = `argocd.argoproj.io/refresh=${how}`;
  await kubectl(['annotate', 'application', application, annotation, '--overwrite', '--namespace=argocd']);
}
