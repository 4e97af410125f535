import { setTimeout as sleep } from 'node:timers/promises';
import type { Kubectl } from '../../gitops/kubectl.ts';
import { inClusterRepository } from '../layout.ts';

/** As much of an Argo CD Application as says what it has seen of the repository. */
export interface SeenApplication {
  metadata: { name: string; annotations?: Record<string, string> };
  spec: { source?: { repoURL: string } };
  status?: { sync?: { revision?: string; status?: string } };
}

/**
 * Seconds after a push at which to look, first only at what the push concerns: to compare the others as well takes the
 * CPU that the new pods need. A healthy push is seen within one; after the last, Argo CD's poll is near.
 */
const looks = [3, 8, 20, 50];

/**
 * The Applications of our repository whose last comparison was with another commit, or that are not as the commit says: a
 * push that ends a freeze changes a project, and Argo CD asks none of its Applications again for that.
 * @param changed the files that the push changed: only Applications made of such are behind; without, all are
 */
export function behind(applications: SeenApplication[], commit: string, changed?: string[]): string[] {
  return applications
    .filter(({ metadata, spec, status }) => {
      const { revision, status: is } = status?.sync ?? {};
      const concerned = changed === undefined || isMadeOf(metadata.annotations?.[paths] ?? '/', changed);
      const isBehind = (concerned && revision !== commit) || is === 'OutOfSync';
      return spec.source?.repoURL === inClusterRepository && isBehind;
    })
    .map(({ metadata }) => metadata.name);
}

const paths = 'argocd.argoproj.io/manifest-generate-paths';

/** A relative folder is so to the source's: taken for one that the push concerns. */
function isMadeOf(folders: string, files: string[]): boolean {
  return folders
    .split(';')
    .some((folder) => !folder.startsWith('/') || files.some((file) => `/${file}`.startsWith(folder)));
}

/**
 * Asks Argo CD again for Applications that have not seen the commit. Argo CD 3.5 drops a refresh that is requested
 * while another is under way (argoproj/argo-cd#28392), and a webhook can fail.
 * @param changed the files that pushes changed since it was last looked, emptied here; undefined: all, it is the first
 * @param superseded aborted when a newer push takes over
 */
export async function followUp(
  kubectl: Kubectl,
  commit: string,
  changed: Set<string> | undefined,
  superseded: AbortSignal,
  log: (text: string) => void,
): Promise<void> {
  let waited = 0;
  for (const seconds of looks) {
    await sleep((seconds - waited) * 1000, undefined, { signal: superseded });
    waited = seconds;
    try {
      const list = ['get', 'applications.argoproj.io', '--namespace=argocd'];
      const { items } = (await kubectl.json<{ items: SeenApplication[] }>(list)) ?? { items: [] };
      const isFirst = seconds === looks[0];
      const late = behind(items, commit, isFirst ? changed && [...changed] : undefined);
      if (isFirst) changed?.clear();
      if (late.length === 0) {
        if (isFirst && changed !== undefined) continue;
        return;
      }
      const refresh = ['argocd.argoproj.io/refresh=normal', '--overwrite', '--namespace=argocd'];
      await kubectl(['annotate', 'applications.argoproj.io', ...late, ...refresh]);
      log(`${late.join(', ')} were not at ${commit} after ${seconds} s: asked again`);
    } catch (error) {
      log(`following up ${commit}: ${(error as Error).message}`);
    }
  }
}
