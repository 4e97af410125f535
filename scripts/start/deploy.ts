import { setTimeout as sleep } from 'node:timers/promises';
import { CannotRun } from '../cli.ts';
import type { Kubectl } from '../gitops/kubectl.ts';
import { type EnvironmentStatus, isFine, readStatus } from '../gitops/status.ts';

/** Waits until every environment is Synced and Healthy. @throws {CannotRun} saying what is not, and why */
export async function untilAllWell(
  kubectl: Kubectl,
  repositories: string[],
  seconds: number,
  report: (doing: string) => void,
): Promise<void> {
  const deadline = Date.now() + seconds * 1000;
  for (let round = 0; ; round += 1) {
    if (round % 4 === 0) {
      await askAgain(kubectl);
    }
    const statuses = await readStatus(kubectl, repositories);
    if (statuses.every(isFine)) {
      return;
    }
    report(statuses.map((status) => `${status.environment} ${status.sync} ${status.health}`).join(', '));
    if (Date.now() > deadline) {
      throw new CannotRun(
        `Not everything is well after ${seconds} s:\n${statuses.map(describe).join('\n')}\n` +
          'docs/operations.md says what to do. "npm run status -- --watch" follows it further.',
      );
    }
    await sleep(500);
  }
}

function describe({ environment, sync, health, problems }: EnvironmentStatus): string {
  return [`- ${environment}: ${sync}, ${health}`, ...problems.map((problem) => `  ${problem}`)].join('\n');
}

/** Argo CD keeps a failed comparison, as from a repo-server that was not up yet, for two minutes unless asked. */
async function askAgain(kubectl: Kubectl): Promise<void> {
  interface Application {
    metadata: { name: string };
    status?: { conditions?: { type: string }[] };
  }
  const list = ['get', 'applications.argoproj.io', '--namespace=argocd'];
  const applications = (await kubectl.json<{ items: Application[] }>(list))?.items ?? [];
  for (const { metadata, status } of applications) {
    if (status?.conditions?.some(({ type }) => type.endsWith('Error')) === true) {
      const refresh = 'argocd.argoproj.io/refresh=normal';
      const target = ['application', metadata.name, refresh, '--overwrite', '--namespace=argocd'];
      await kubectl(['annotate', ...target]);
    }
  }
}
